// The indexer of DeepSeek-V3.2, which DeepSeek-V4's is measured beside: FP8 scores of every token.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ops/context.h"
#include "tensor/weight_matrix.h"

namespace fathom::measure {

struct LightningQuery {
  const std::byte* rows = nullptr;      ///< [heads] rows of quantize_activations for kE4m3
  int64_t stride = 0;                   ///< bytes from one head's row to the next
  const float* head_weights = nullptr;  ///< [heads]
  int64_t heads = 0;
};

/// Scratch of a worker in ScoreKeys.
size_t LightningScratchBytes(const kernels::KernelTable& kernels, int64_t heads, int64_t dim);

/// scores[k] = sum over heads, in order, of head_weights[h] * relu(query[h] . keys[k]), for the
/// rows of `keys`, of which there is one a token. Pieces of the keys are the units of parallel
/// work.
void ScoreKeys(ops::Context& context, const LightningQuery& query, const tensor::WeightMatrix& keys,
               float* scores);

}  // namespace fathom::measure
