#include "measure/lightning_indexer.h"

#include <algorithm>
#include <cmath>

namespace fathom::measure {
namespace {

// Products of a piece stay in the second-level cache until they are added up: 64 heads of 512 keys
// are 128 KB.
constexpr int64_t kPieceKeys = 512;
// Scores whose sums stay in registers while all heads are added to them.
constexpr int64_t kGroupKeys = 16;

size_t AlignedMatmulScratch(const kernels::KernelTable& kernels, int64_t dim) {
  return (kernels.matmul_scratch_bytes(dim) + 63) / 64 * 64;
}

/// dots: [heads, kPieceKeys]. x + |x| is twice relu(x), exactly: unlike a maximum, compilers turn
/// it into vectors.
void AddHeads(const LightningQuery& query, const float* dots, int64_t keys, float* scores) {
  for (int64_t first = 0; first < keys; first += kGroupKeys) {
    float sums[kGroupKeys] = {};
    for (int64_t h = 0; h < query.heads; ++h) {
      const float half_weight = 0.5f * query.head_weights[h];
      const float* dot = dots + h * kPieceKeys + first;
      for (int64_t k = 0; k < kGroupKeys; ++k)
        sums[k] += half_weight * (dot[k] + std::fabs(dot[k]));
    }
    std::copy_n(sums, std::min(kGroupKeys, keys - first), scores + first);
  }
}

}  // namespace

size_t LightningScratchBytes(const kernels::KernelTable& kernels, int64_t heads, int64_t dim) {
  return AlignedMatmulScratch(kernels, dim) +
         static_cast<size_t>(heads * kPieceKeys) * sizeof(float);
}

void ScoreKeys(ops::Context& context, const LightningQuery& query, const tensor::WeightMatrix& keys,
               float* scores) {
  const int64_t pieces = (keys.rows + kPieceKeys - 1) / kPieceKeys;
  const size_t matmul_scratch = AlignedMatmulScratch(context.kernels, keys.cols);
  context.pool.ForEach(pieces, [&](int64_t piece, int worker) {
    const int64_t begin = piece * kPieceKeys;
    const int64_t end = std::min(begin + kPieceKeys, keys.rows);
    std::byte* scratch = context.scratch(worker);
    auto* dots = reinterpret_cast<float*>(scratch + matmul_scratch);
    context.kernels.matmul_quantized({.weights = keys,
                                      .row_begin = begin,
                                      .row_end = end,
                                      .x = query.rows,
                                      .x_stride = query.stride,
                                      .tokens = query.heads,
                                      .out = dots,
                                      .out_stride = kPieceKeys,
                                      .scratch = scratch});
    AddHeads(query, dots, end - begin, scores + begin);
  });
}

}  // namespace fathom::measure
