// Floats as integers in the same order.
#pragma once

#include <bit>
#include <cstdint>

namespace fathom::numerics {

/// An unsigned integer that grows with the float; both zeros give the same. REQUIRES: no NaN.
constexpr uint32_t OrderedBits(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value + 0.0f);
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

/// The float of that integer; just above that of infinity there are NaNs.
constexpr float FloatOfOrderedBits(uint32_t bits) {
  return std::bit_cast<float>((bits & 0x80000000u) != 0 ? bits & 0x7FFFFFFFu : ~bits);
}

}  // namespace fathom::numerics
