// The compressor: blocks of tokens become one row each (paper, sections 2.3.1 and 2.3.2).
#pragma once

#include <cstdint>

#include "base/function_ref.h"
#include "model/pass.h"
#include "model/weights.h"

namespace fathom::model {

/// Which of a layer's two compressors: that of the attention rows or that of the indexer's keys.
/// Both pool the same blocks.
struct CompressorPart {
  const CompressorWeights& weights;
  CompressorActivations& activations;
  kv::CompressorState kv::LayerCache::*state;
  int64_t dim;  ///< of a row
};

/// Appends the two projections of x to `tasks`.
void AddCompressorTasks(const Pass& pass, const CompressorPart& part,
                        std::vector<ops::MatmulTask>& tasks);

/// After the projections: pools every block that the batch completes and calls
/// `store(cache, index, row, worker)` with the normalised and rotated row [dim] of block `index`,
/// in parallel; then keeps the projections that later blocks need.
void CompressBlocks(
    Pass& pass, const CompressorPart& part,
    base::FunctionRef<void(kv::LayerCache&, int64_t index, float* row, int worker)> store);

}  // namespace fathom::model
