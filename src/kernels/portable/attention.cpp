#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/portable/lanes.h"
#include "kernels/portable/portable.h"
#include "numerics/bf16.h"

namespace fathom::kernels::portable {
namespace {

float TileValue(const std::byte* row, int64_t d) {
  uint16_t bits;
  std::memcpy(&bits, row + TileLayout::offset(d), sizeof bits);
  return numerics::Bf16ToFloat(bits);
}

float Logit(const AttendArgs& args, const float* query, const std::byte* row) {
  float lanes[kLanes] = {};
  for (int64_t k = 0; k < args.key_dim; k += kLanes)
    for (int64_t i = 0; i < kLanes; ++i) lanes[i] += query[k + i] * TileValue(row, k + i);
  return SumLanes(lanes) * args.scale;
}

}  // namespace

void Attend(const AttendArgs& args) noexcept {
  float weights[kAttentionTile];
  const int64_t row_bytes = args.layout.row_bytes();
  for (int64_t h = 0; h < args.heads; ++h) {
    float max = args.state.max[h];
    for (int64_t r = 0; r < args.count; ++r) {
      weights[r] = Logit(args, args.query + h * args.key_dim, args.tile + r * row_bytes);
      max = std::max(max, weights[r]);
    }
    const float correction = std::exp(args.state.max[h] - max);
    float sum = args.state.sum[h] * correction;
    for (int64_t r = 0; r < args.count; ++r) {
      weights[r] = std::exp(weights[r] - max);
      sum += weights[r];
    }
    float* out = args.state.out + h * args.value_dim;
    for (int64_t d = 0; d < args.value_dim; ++d) {
      float value = out[d] * correction;
      for (int64_t r = 0; r < args.count; ++r)
        value += weights[r] * TileValue(args.tile + r * row_bytes, args.value_begin + d);
      out[d] = value;
    }
    args.state.max[h] = max;
    args.state.sum[h] = sum;
  }
}

void MergeAttention(const SoftmaxState& other, int64_t heads, int64_t value_dim,
                    const SoftmaxState& state) noexcept {
  for (int64_t h = 0; h < heads; ++h) {
    const float max = std::max(state.max[h], other.max[h]);
    const float own = std::exp(state.max[h] - max);
    const float others = std::exp(other.max[h] - max);
    state.max[h] = max;
    state.sum[h] = state.sum[h] * own + other.sum[h] * others;
    for (int64_t d = h * value_dim; d < (h + 1) * value_dim; ++d)
      state.out[d] = state.out[d] * own + other.out[d] * others;
  }
}

void FinishAttention(const SoftmaxState& state, const float* sinks, int64_t heads,
                     int64_t value_dim) noexcept {
  for (int64_t h = 0; h < heads; ++h) {
    const float sink = sinks != nullptr ? std::exp(sinks[h] - state.max[h]) : 0.0f;
    const float inverse = 1.0f / (state.sum[h] + sink);
    for (int64_t d = 0; d < value_dim; ++d) state.out[h * value_dim + d] *= inverse;
  }
}

}  // namespace fathom::kernels::portable
