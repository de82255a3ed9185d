#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/portable/lanes.h"
#include "kernels/portable/portable.h"
#include "numerics/bf16.h"

namespace fathom::kernels::portable {

float InverseRms(const float* x, float eps, int64_t n) noexcept {
  return 1.0f / std::sqrt(Dot(x, x, n) / static_cast<float>(n) + eps);
}

void RmsNorm(const float* x, const std::byte* weight, float eps, int64_t n, float* out) noexcept {
  const float inverse = InverseRms(x, eps, n);
  for (int64_t i = 0; i < n; ++i) {
    uint16_t bits = 0x3F80;
    if (weight != nullptr) std::memcpy(&bits, weight + 2 * i, sizeof bits);
    out[i] = x[i] * inverse * numerics::Bf16ToFloat(bits);
  }
}

void WeightedSum(const float* streams, const float* weights, int64_t count, int64_t n,
                 float* out) noexcept {
  for (int64_t d = 0; d < n; ++d) {
    float sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += weights[i] * streams[i * n + d];
    out[d] = sum;
  }
}

void MixStreams(const float* y, const float* post, const float* combine, int64_t count, int64_t n,
                float* streams) noexcept {
  float mixed[kMaxStreams];
  for (int64_t d = 0; d < n; ++d) {
    for (int64_t j = 0; j < count; ++j) {
      mixed[j] = post[j] * y[d];
      for (int64_t i = 0; i < count; ++i) mixed[j] += combine[i * count + j] * streams[i * n + d];
    }
    for (int64_t j = 0; j < count; ++j) streams[j * n + d] = mixed[j];
  }
}

void Swiglu(const float* gate, const float* up, float limit, float weight, int64_t n,
            float* out) noexcept {
  for (int64_t i = 0; i < n; ++i) {
    const float g = std::min(gate[i], limit);
    const float u = std::clamp(up[i], -limit, limit);
    out[i] = weight * (g / (1.0f + std::exp(-g)) * u);
  }
}

void Add(const float* x, int64_t n, float* out) noexcept {
  for (int64_t i = 0; i < n; ++i) out[i] += x[i];
}

void Rotate(float* x, int64_t count, int64_t stride, const float* cosines, const float* sines,
            int64_t pairs) noexcept {
  for (int64_t v = 0; v < count; ++v) {
    float* p = x + v * stride;
    for (int64_t i = 0; i < pairs; ++i) {
      const float a = p[2 * i];
      const float b = p[2 * i + 1];
      p[2 * i] = a * cosines[i] - b * sines[i];
      p[2 * i + 1] = a * sines[i] + b * cosines[i];
    }
  }
}

void Hadamard(float* x, int64_t n) noexcept {
  for (int64_t half = 1; half < n; half *= 2) {
    for (int64_t base = 0; base < n; base += 2 * half) {
      for (int64_t i = base; i < base + half; ++i) {
        const float a = x[i];
        const float b = x[i + half];
        x[i] = a + b;
        x[i + half] = a - b;
      }
    }
  }
  const float norm = static_cast<float>(1.0 / std::sqrt(static_cast<double>(n)));
  for (int64_t i = 0; i < n; ++i) x[i] *= norm;
}

}  // namespace fathom::kernels::portable
