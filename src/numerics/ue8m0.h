// UE8M0: a block scale. A byte b stands for 2^(b - 127); 255 is NaN and never a valid scale.
#pragma once

#include <bit>
#include <cstdint>

namespace fathom::numerics {

/// 2^(code - 127). REQUIRES: code != 255.
constexpr float Ue8m0ToFloat(uint8_t code) {
  // 2^-127 lies below float32's normal range; every other code is a bare exponent field.
  if (code == 0) return std::bit_cast<float>(uint32_t{1} << 22);
  return std::bit_cast<float>(static_cast<uint32_t>(code) << 23);
}

/// The code of 2^(127 - code): what a value is multiplied by instead of dividing by the scale.
/// REQUIRES: code <= 254.
constexpr float Ue8m0Reciprocal(uint8_t code) {
  return Ue8m0ToFloat(static_cast<uint8_t>(254 - code));
}

/// The smallest power of two that is at least `value`, read from the float's bits: a non-zero
/// mantissa means the next exponent. REQUIRES: value is normal, positive and at most 2^127.
constexpr uint8_t CeilToUe8m0(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint8_t>((bits >> 23) + ((bits & 0x7FFFFFu) != 0 ? 1 : 0));
}

}  // namespace fathom::numerics
