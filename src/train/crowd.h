// Long texts without the time that they take: rows of filler that was read before.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "base/thread_pool.h"
#include "data/sources.h"
#include "train/model.h"
#include "train/pass.h"
#include "train/recipe.h"

namespace fathom::train {

/// Where the crowd of a step stands: in a gap of its sequences' positions.
struct CrowdPlace {
  int64_t passages = 0;  ///< of kCrowdPassage tokens
  int64_t first = 0;     ///< position of the first
  int64_t stride = 0;    ///< positions from one to the next

  int64_t span() const { return passages * stride; }
};

/// From the longest sequence on, and for half of the seeds of log-uniform, for the other half of
/// uniform span. REQUIRES: stage.crowd > 0.
CrowdPlace PlaceCrowd(const Stage& stage, uint64_t seed);

/// The rows that the model makes of the filler of a step, without gradients.
base::Result<Crowd> MakeCrowd(const Model& model, const data::Mixture& mixture, const Stage& stage,
                              uint64_t seed, base::ThreadPool& pool);

/// Positions [length] of a sequence in which the crowd stands before token `at`.
at::Tensor MakeCrowdedPositions(int64_t length, const CrowdPlace& crowd, int64_t at);

}  // namespace fathom::train
