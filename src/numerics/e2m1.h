// E2M1: FP4 with the values 0, .5, 1, 1.5, 2, 3, 4, 6 and their negatives; code = sign << 3 |
// index. Two codes share a byte, the even element in the low nibble.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace fathom::numerics {

inline constexpr float kE2m1Max = 6.0f;

/// Twice the value of each code: small integers, so that dot products of E2M1 are exact in int32.
inline constexpr std::array<int8_t, 16> kE2m1Doubled = {0, 1,  2,  3,  4,  6,  8,  12,
                                                        0, -1, -2, -3, -4, -6, -8, -12};

/// The value of the low four bits of `code`; exact.
constexpr float E2m1ToFloat(uint8_t code) {
  const float value = 0.5f * static_cast<float>(kE2m1Doubled[code & 0xFu]);
  return (code & 0xFu) == 8 ? -0.0f : value;
}

/// The nearest E2M1 code, ties to the even code; values beyond +-6 become +-6. REQUIRES: not NaN.
constexpr uint8_t FloatToE2m1(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint8_t sign = static_cast<uint8_t>((bits >> 28) & 8u);
  const float magnitude = std::bit_cast<float>(bits & 0x7FFFFFFFu);
  // Midpoints between neighbours; a tie goes to the neighbour with the even code.
  uint8_t code = 0;
  if (magnitude > 0.25f) code = 1;
  if (magnitude >= 0.75f) code = 2;
  if (magnitude > 1.25f) code = 3;
  if (magnitude >= 1.75f) code = 4;
  if (magnitude > 2.5f) code = 5;
  if (magnitude >= 3.5f) code = 6;
  if (magnitude > 5.0f) code = 7;
  return sign | code;
}

}  // namespace fathom::numerics
