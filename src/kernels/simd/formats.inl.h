// E4M3 and E2M1 codes, 16 at a time. The results are those of numerics/, bit for bit.
#pragma once

#include <cstdint>

#include "numerics/block_scale.h"
#include "numerics/ue8m0.h"

namespace fathom::kernels::simd {

/// max |x[i]|. REQUIRES: n % 16 == 0, no NaN.
template <class F>
float MaxMagnitude(const float* x, int64_t n) {
  using I = typename F::Ints;
  const I magnitude = I::Broadcast(INT32_MAX);
  F max = F::Zero();
  for (int64_t i = 0; i < n; i += 16) max = Max(max, FloatOf(BitsOf(F::Load(x + i)) & magnitude));
  return MaxLane(max);
}

/// The nearest E4M3 codes, ties to even, beyond +-448 the largest. REQUIRES: no NaN.
template <class F>
typename F::Ints EncodeE4m3(F x) {
  using I = typename F::Ints;
  const I magnitude = BitsOf(x) & I::Broadcast(INT32_MAX);
  const I sign = ShiftRight<24>(BitsOf(x)) & I::Broadcast(0x80);
  const I odd = ShiftRight<20>(magnitude) & I::Broadcast(1);
  const I rounded = ShiftRight<20>(magnitude + I::Broadcast(0x7FFFF) + odd);
  const I normal = rounded - I::Broadcast(120 << 3);
  // Adding 2^14 puts the unit of float32's last place at 2^-9: the addition itself rounds.
  const I subnormal = BitsOf(FloatOf(magnitude) + F::Broadcast(0x1p14f)) & I::Broadcast(0xF);
  const I least_normal = I::Broadcast(0x3C800000);  // 2^-6
  const I above_most = I::Broadcast(0x43DFFFFF);    // the last float below 448
  I code = Select(Greater(least_normal, magnitude), subnormal, normal);
  code = Select(Greater(magnitude, above_most), I::Broadcast(0x7E), code);
  return code | sign;
}

/// The values of E4M3 codes (0 .. 255), NaN included.
template <class F>
F DecodeE4m3(typename F::Ints codes) {
  using I = typename F::Ints;
  const I magnitude = codes & I::Broadcast(0x7F);
  const I sign = ShiftLeft<24>(codes) & I::Broadcast(INT32_MIN);
  // As a float32 with the exponent field as it is, the value is 2^-120 of the true one; this holds
  // for subnormals too, which the exact multiplication makes normal.
  const I bits = BitsOf(FloatOf(ShiftLeft<20>(magnitude)) * F::Broadcast(0x1p120f));
  const I nan = I::Broadcast(0x7FC00000);
  return FloatOf(Select(Equal(magnitude, I::Broadcast(0x7F)), nan, bits) | sign);
}

/// The nearest BF16, ties to even, in the low halves. REQUIRES: no NaN.
template <class F>
typename F::Ints RoundToBf16(F x) {
  using I = typename F::Ints;
  const I odd = ShiftRight<16>(BitsOf(x)) & I::Broadcast(1);
  return ShiftRight<16>(BitsOf(x) + I::Broadcast(0x7FFF) + odd);
}

/// The nearest E2M1 codes, ties to the even code, beyond +-6 the largest. REQUIRES: no NaN.
template <class F>
typename F::Ints EncodeE2m1(F x) {
  using I = typename F::Ints;
  const I magnitude = BitsOf(x) & I::Broadcast(INT32_MAX);
  // The largest floats that still round down, by the bits: midpoints where the lower code is even,
  // the floats just below them where it is odd.
  constexpr int32_t kBorders[7] = {0x3E800000,   // 0.25
                                   0x3F3FFFFF,   // 0.75
                                   0x3FA00000,   // 1.25
                                   0x3FDFFFFF,   // 1.75
                                   0x40200000,   // 2.5
                                   0x405FFFFF,   // 3.5
                                   0x40A00000};  // 5
  I code = I::Broadcast(0);
  for (int32_t i = 0; i < 7; ++i)
    code = Select(Greater(magnitude, I::Broadcast(kBorders[i])), I::Broadcast(i + 1), code);
  return code | (ShiftRight<28>(BitsOf(x)) & I::Broadcast(8));
}

/// E4M3 codes of a block under one scale, which is returned. REQUIRES: n % 16 == 0, n <= 128.
template <class F>
uint8_t QuantizeE4m3Block(const float* x, int64_t n, typename F::Ints* codes) {
  const uint8_t scale = numerics::E4m3BlockScale(MaxMagnitude<F>(x, n));
  const F reciprocal = F::Broadcast(numerics::Ue8m0Reciprocal(scale));
  for (int64_t i = 0; i < n; i += 16) codes[i / 16] = EncodeE4m3<F>(F::Load(x + i) * reciprocal);
  return scale;
}

}  // namespace fathom::kernels::simd
