#include <algorithm>
#include <cmath>

#include "kernels/portable/portable.h"
#include "numerics/block_scale.h"
#include "numerics/e2m1.h"

namespace fathom::kernels::portable {
namespace {

// Twice the value of dimension `dim` of key `key` in a tile.
int32_t DoubledKey(const uint8_t* tile, int64_t key, int64_t dim) {
  const int64_t group = dim / 8;
  const uint8_t byte = tile[(group * kIndexTile + key) * 4 + dim % 4];
  return numerics::kE2m1Doubled[(dim % 8 < 4 ? byte : byte >> 4) & 0xF];
}

}  // namespace

void QuantizeE2m1(const float* x, int64_t n, uint8_t* codes, uint8_t* scales) noexcept {
  for (int64_t block = 0; block < n / numerics::kFp4Block; ++block) {
    const float* values = x + block * numerics::kFp4Block;
    float amax = 0;
    for (int64_t i = 0; i < numerics::kFp4Block; ++i) amax = std::max(amax, std::fabs(values[i]));
    scales[block] = numerics::E2m1BlockScale(amax);
    const float reciprocal = numerics::Ue8m0Reciprocal(scales[block]);
    for (int64_t i = 0; i < numerics::kFp4Block; ++i)
      codes[block * numerics::kFp4Block + i] = numerics::FloatToE2m1(values[i] * reciprocal);
  }
}

void IndexScores(const IndexScoreArgs& args) noexcept {
  const int64_t dim = args.layout.dim;
  const int64_t blocks = dim / numerics::kFp4Block;
  for (int64_t k = 0; k < args.tiles * kIndexTile; ++k) {
    const auto* tile =
        reinterpret_cast<const uint8_t*>(args.keys) + k / kIndexTile * args.layout.tile_bytes();
    const int64_t key = k % kIndexTile;
    const uint8_t* key_scales = tile + args.layout.code_bytes() + key;
    float score = 0;
    for (int64_t h = 0; h < args.heads; ++h) {
      float head_score = 0;
      for (int64_t b = 0; b < blocks; ++b) {
        int32_t dot = 0;
        for (int64_t d = b * numerics::kFp4Block; d < (b + 1) * numerics::kFp4Block; ++d)
          dot += args.query[h * dim + d] * DoubledKey(tile, key, d);
        const float scale =
            args.query_scales[h * blocks + b] * numerics::Ue8m0ToFloat(key_scales[b * kIndexTile]);
        head_score += static_cast<float>(dot) * scale;
      }
      score += std::max(head_score, 0.0f) * args.head_weights[h];
    }
    args.scores[k] = score;
  }
}

}  // namespace fathom::kernels::portable
