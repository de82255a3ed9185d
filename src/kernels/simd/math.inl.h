// What the kernels of this folder share. Each is a template over a tier's 16-lane float type F
// (avx512/vec.h, avx2/vec.h), whose functions are found by argument-dependent lookup. The types
// live in unnamed namespaces, so every instantiation belongs to one file of one tier.
#pragma once

#include <cstdint>

namespace fathom::kernels::simd {

/// e^x within 2 units in the last place, and correctly 0, infinite, subnormal or NaN.
template <class F>
F Exp(F x) {
  using I = typename F::Ints;
  // Beyond these the result is 0 or infinite in float32. The order of operands keeps a NaN.
  x = Min(F::Broadcast(89.0f), Max(F::Broadcast(-104.0f), x));
  const I n = Round(x * F::Broadcast(0x1.715476p+0f));
  const F whole = ToFloat(n);
  // ln 2 in two parts, the first short enough that n times it is exact.
  F r = MulAdd(whole, F::Broadcast(-0x1.62e4p-1f), x);
  r = MulAdd(whole, F::Broadcast(-0x1.7f7d1cp-20f), r);
  // Taylor to the 7th power: |r| <= ln(2)/2, so that what is left out is below 2^-27.
  F p = F::Broadcast(1.0f / 5040);
  p = MulAdd(p, r, F::Broadcast(1.0f / 720));
  p = MulAdd(p, r, F::Broadcast(1.0f / 120));
  p = MulAdd(p, r, F::Broadcast(1.0f / 24));
  p = MulAdd(p, r, F::Broadcast(1.0f / 6));
  p = MulAdd(p, r, F::Broadcast(0.5f));
  p = MulAdd(p, r * r, r) + F::Broadcast(1.0f);
  // 2^n in two factors: n reaches from -150 to 128.
  const I half = ShiftRightSigned<1>(n);
  const I bias = I::Broadcast(127);
  return p * FloatOf(ShiftLeft<23>(half + bias)) * FloatOf(ShiftLeft<23>(n - half + bias));
}

/// Dot product of n floats. REQUIRES: n % 16 == 0.
template <class F>
float Dot(const float* a, const float* b, int64_t n) {
  // Four sums hide the latency of the additions.
  F sums[4] = {F::Zero(), F::Zero(), F::Zero(), F::Zero()};
  int64_t k = 0;
  for (; k + 64 <= n; k += 64)
    for (int i = 0; i < 4; ++i)
      sums[i] = MulAdd(F::Load(a + k + 16 * i), F::Load(b + k + 16 * i), sums[i]);
  for (int i = 0; k < n; k += 16, ++i) sums[i] = MulAdd(F::Load(a + k), F::Load(b + k), sums[i]);
  return Sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

/// out[i] = Sum(a[i]).
template <int kCount, class F>
void StoreSums(const F* a, float* out) {
  int i = 0;
  for (; i + 4 <= kCount; i += 4) StoreSums4(a + i, out + i);
  for (; i < kCount; ++i) out[i] = Sum(a[i]);
}

}  // namespace fathom::kernels::simd
