// Elementwise kernels and norms.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/simd/math.inl.h"

namespace fathom::kernels::simd {

template <class F>
float InverseRms(const float* x, float eps, int64_t n) noexcept {
  return 1.0f / std::sqrt(Dot<F>(x, x, n) / static_cast<float>(n) + eps);
}

template <class F>
void RmsNorm(const float* x, const std::byte* weight, float eps, int64_t n, float* out) noexcept {
  const F inverse = F::Broadcast(InverseRms<F>(x, eps, n));
  for (int64_t i = 0; i < n; i += 16) {
    F value = F::Load(x + i) * inverse;
    if (weight != nullptr) value = value * F::LoadBf16(weight + 2 * i);
    value.Store(out + i);
  }
}

template <class F>
void WeightedSum(const float* streams, const float* weights, int64_t count, int64_t n,
                 float* out) noexcept {
  for (int64_t d = 0; d < n; d += 16) {
    F sum = F::Zero();
    for (int64_t i = 0; i < count; ++i)
      sum = MulAdd(F::Broadcast(weights[i]), F::Load(streams + i * n + d), sum);
    sum.Store(out + d);
  }
}

template <class F>
void MixStreams(const float* y, const float* post, const float* combine, int64_t count, int64_t n,
                float* streams) noexcept {
  for (int64_t d = 0; d < n; d += 16) {
    F old[kMaxStreams];
    for (int64_t i = 0; i < count; ++i) old[i] = F::Load(streams + i * n + d);
    for (int64_t j = 0; j < count; ++j) {
      F mixed = F::Broadcast(post[j]) * F::Load(y + d);
      for (int64_t i = 0; i < count; ++i)
        mixed = MulAdd(F::Broadcast(combine[i * count + j]), old[i], mixed);
      mixed.Store(streams + j * n + d);
    }
  }
}

template <class F>
void Swiglu(const float* gate, const float* up, float limit, float weight, int64_t n,
            float* out) noexcept {
  const F most = F::Broadcast(limit);
  const F least = F::Broadcast(-limit);
  const F one = F::Broadcast(1.0f);
  for (int64_t i = 0; i < n; i += 16) {
    const F g = Min(most, F::Load(gate + i));
    const F u = Min(most, Max(least, F::Load(up + i)));
    const F silu = g / (one + Exp(F::Zero() - g));
    (F::Broadcast(weight) * (silu * u)).Store(out + i);
  }
}

template <class F>
void Add(const float* x, int64_t n, float* out) noexcept {
  for (int64_t i = 0; i < n; i += 16) (F::Load(out + i) + F::Load(x + i)).Store(out + i);
}

/// Products and sums are rounded one by one, as in portable: the bits are the same.
template <class F>
void Rotate(float* x, int64_t count, int64_t stride, const float* cosines, const float* sines,
            int64_t pairs) noexcept {
  alignas(64) static constexpr float kSigns[16] = {-1, 1, -1, 1, -1, 1, -1, 1,
                                                   -1, 1, -1, 1, -1, 1, -1, 1};
  for (int64_t v = 0; v < count; ++v) {
    float* p = x + v * stride;
    int64_t i = 0;
    for (; i + 8 <= pairs; i += 8) {
      const F value = F::Load(p + 2 * i);
      const F sine = F::LoadDoubled(sines + i) * F::Load(kSigns);
      (value * F::LoadDoubled(cosines + i) + SwapLanes<1>(value) * sine).Store(p + 2 * i);
    }
    for (; i < pairs; ++i) {
      const float a = p[2 * i];
      const float b = p[2 * i + 1];
      p[2 * i] = a * cosines[i] - b * sines[i];
      p[2 * i + 1] = a * sines[i] + b * cosines[i];
    }
  }
}

/// The butterflies of one stage within each vector: (a, b) -> (a + b, a - b) at distance kHalf.
template <int kHalf, class F>
F Butterfly(F x) {
  alignas(64) static constexpr auto kSigns = [] {
    struct {
      float lanes[16];
    } signs{};
    for (int i = 0; i < 16; ++i) signs.lanes[i] = (i & kHalf) != 0 ? -1.0f : 1.0f;
    return signs;
  }();
  return SwapLanes<kHalf>(x) + x * F::Load(kSigns.lanes);
}

/// The stages of portable, whose bits it gives.
template <class F>
void Hadamard(float* x, int64_t n) noexcept {
  for (int64_t i = 0; i < n; i += 16)
    Butterfly<8>(Butterfly<4>(Butterfly<2>(Butterfly<1>(F::Load(x + i))))).Store(x + i);
  for (int64_t half = 16; half < n; half *= 2) {
    for (int64_t base = 0; base < n; base += 2 * half) {
      for (int64_t i = base; i < base + half; i += 16) {
        const F a = F::Load(x + i);
        const F b = F::Load(x + i + half);
        (a + b).Store(x + i);
        (a - b).Store(x + i + half);
      }
    }
  }
  const F norm = F::Broadcast(static_cast<float>(1.0 / std::sqrt(static_cast<double>(n))));
  for (int64_t i = 0; i < n; i += 16) (F::Load(x + i) * norm).Store(x + i);
}

}  // namespace fathom::kernels::simd
