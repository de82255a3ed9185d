// The order in which the portable tier adds: 16 running sums, element k going to sum k mod 16, then
// a tree. It keeps rounding errors small and is what a compiler turns into vectors by itself.
#pragma once

#include <cstdint>

namespace fathom::kernels::portable {

inline constexpr int64_t kLanes = 16;

/// The sum of 16 running sums; overwrites them.
inline float SumLanes(float* lanes) {
  for (int64_t half = kLanes / 2; half > 0; half /= 2)
    for (int64_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  return lanes[0];
}

/// Dot product of n floats; any n.
inline float Dot(const float* a, const float* b, int64_t n) {
  float lanes[kLanes] = {};
  int64_t k = 0;
  for (; k + kLanes <= n; k += kLanes)
    for (int64_t i = 0; i < kLanes; ++i) lanes[i] += a[k + i] * b[k + i];
  for (int64_t i = 0; k + i < n; ++i) lanes[i] += a[k + i] * b[k + i];
  return SumLanes(lanes);
}

}  // namespace fathom::kernels::portable
