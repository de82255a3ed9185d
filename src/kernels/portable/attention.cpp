#include <algorithm>
#include <cmath>

#include "kernels/portable/lanes.h"
#include "kernels/portable/portable.h"

namespace fathom::kernels::portable {

void Attend(const AttendArgs& args) noexcept {
  float weights[kAttentionTile];
  for (int64_t h = 0; h < args.heads; ++h) {
    const float* query = args.query + h * args.head_dim;
    float* out = args.out + h * args.head_dim;
    float max = args.max[h];
    for (int64_t r = 0; r < args.count; ++r) {
      weights[r] = Dot(query, args.rows + r * args.head_dim, args.head_dim) * args.scale;
      max = std::max(max, weights[r]);
    }
    const float correction = std::exp(args.max[h] - max);
    float sum = args.sum[h] * correction;
    for (int64_t r = 0; r < args.count; ++r) {
      weights[r] = std::exp(weights[r] - max);
      sum += weights[r];
    }
    for (int64_t d = 0; d < args.head_dim; ++d) {
      float value = out[d] * correction;
      for (int64_t r = 0; r < args.count; ++r)
        value += weights[r] * args.rows[r * args.head_dim + d];
      out[d] = value;
    }
    args.max[h] = max;
    args.sum[h] = sum;
  }
}

void FinishAttention(const float* max, const float* sum, const float* sinks, int64_t heads,
                     int64_t head_dim, float* out) noexcept {
  for (int64_t h = 0; h < heads; ++h) {
    const float inverse = 1.0f / (sum[h] + std::exp(sinks[h] - max[h]));
    for (int64_t d = 0; d < head_dim; ++d) out[h * head_dim + d] *= inverse;
  }
}

}  // namespace fathom::kernels::portable
