// E4M3 codes to BF16 numbers, by looking them up.
#pragma once

#include <array>
#include <bit>

#include "kernels/avx512bf16/bf16.h"
#include "numerics/e4m3.h"

namespace fathom::kernels::avx512bf16 {
namespace {

/// The high or low bytes of the BF16 numbers of the 128 magnitude codes. Subnormals and NaN are
/// entries like any other.
constexpr std::array<uint8_t, 128> MakeE4m3Table(int shift) {
  std::array<uint8_t, 128> bytes{};
  for (uint32_t code = 0; code < 128; ++code) {
    const float value = numerics::E4m3ToFloat(static_cast<uint8_t>(code));
    bytes[code] = static_cast<uint8_t>(std::bit_cast<uint32_t>(value) >> shift);
  }
  return bytes;
}
alignas(64) constexpr std::array<uint8_t, 128> kE4m3High = MakeE4m3Table(24);
alignas(64) constexpr std::array<uint8_t, 128> kE4m3Low = MakeE4m3Table(16);

/// The bytes of 64 BF16 numbers.
struct E4m3Bytes {
  __m512i low, high;
};

/// Two look-ups in tables of 128 bytes, and the sign.
///
/// A shift, `(code << 8 >> 4) & 0x87F0` as a BF16 number that is 2^-120 too small, takes half the
/// instructions, but its subnormals are subnormal BF16 numbers, which vdpbf16ps takes as zero.
struct E4m3Tables {
  E4m3Bytes LookUp(I32x16 codes) const {
    const __m512i sign = _mm512_set1_epi8(INT8_MIN);
    const __m512i high = _mm512_permutex2var_epi8(high_bytes[0], codes.v, high_bytes[1]);
    return {_mm512_permutex2var_epi8(low_bytes[0], codes.v, low_bytes[1]),
            _mm512_ternarylogic_epi32(high, codes.v, sign, 0xF8)};  // high | (codes & sign)
  }

  __m512i low_bytes[2] = {_mm512_load_si512(kE4m3Low.data()),
                          _mm512_load_si512(kE4m3Low.data() + 64)};
  __m512i high_bytes[2] = {_mm512_load_si512(kE4m3High.data()),
                           _mm512_load_si512(kE4m3High.data() + 64)};
};

}  // namespace
}  // namespace fathom::kernels::avx512bf16
