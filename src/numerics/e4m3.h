// E4M3: FP8 with 4 exponent bits (bias 7) and 3 mantissa bits. No infinities; magnitude code 0x7F
// is NaN; the largest value is 448, subnormals are multiples of 2^-9.
#pragma once

#include <bit>
#include <cstdint>

namespace fathom::numerics {

inline constexpr float kE4m3Max = 448.0f;

/// The value of an E4M3 code; exact.
constexpr float E4m3ToFloat(uint8_t code) {
  const uint32_t magnitude = code & 0x7Fu;
  const uint32_t sign = static_cast<uint32_t>(code & 0x80u) << 24;
  if (magnitude == 0x7F) return std::bit_cast<float>(sign | 0x7FC00000u);
  // As a float32 with the exponent field as it is, the value is 2^-120 of the true one; this holds
  // for subnormals too, which the exact multiplication makes normal.
  const float scaled = std::bit_cast<float>(magnitude << 20) * 0x1p120f;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(scaled) | sign);
}

/// The nearest E4M3 code, ties to even; values beyond +-448 become +-448. REQUIRES: not NaN.
constexpr uint8_t FloatToE4m3(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 24) & 0x80u;
  const uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude >= std::bit_cast<uint32_t>(kE4m3Max)) return static_cast<uint8_t>(sign | 0x7Eu);
  if (magnitude < std::bit_cast<uint32_t>(0x1p-6f)) {
    // Adding 2^14 puts the unit of float32's last place at 2^-9: the addition itself rounds.
    const float shifted = std::bit_cast<float>(magnitude) + 0x1p14f;
    return static_cast<uint8_t>(sign | (std::bit_cast<uint32_t>(shifted) & 0xFu));
  }
  const uint32_t rounded = magnitude + 0x7FFFFu + ((magnitude >> 20) & 1u);
  return static_cast<uint8_t>(sign | ((rounded >> 20) - (120u << 3)));
}

}  // namespace fathom::numerics
