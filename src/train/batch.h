// The sequences of a step.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "data/sources.h"
#include "train/loss.h"
#include "train/recipe.h"

namespace fathom::train {

/// The batches that make up a step, each of at most recipe.batch_tokens tokens or one sequence.
/// They depend on the recipe and the number of the step alone: a training that goes on after a stop
/// sees what it would have seen.
base::Result<std::vector<Batch>> MakeStep(const Recipe& recipe, const data::Mixture& mixture,
                                          int64_t step);

/// The batches of an exam, the same at every time, of texts that no step has.
base::Result<std::vector<Batch>> MakeExam(const Recipe& recipe, const Exam& exam,
                                          const data::Mixture& mixture);

/// Positions [length] from 0, with up to four gaps before random multiples of `grain` if they shall
/// reach `reach` > length. The gaps are alike, and their sum is log-uniform for half of the seeds
/// and uniform for the other half. Each is a multiple of `grain`, so that no block that a
/// compressor sees is torn. Tokens behind a gap see the rows before it as those of a text that is
/// so much longer.
at::Tensor MakePositions(int64_t length, int64_t reach, int64_t grain, uint64_t seed);

}  // namespace fathom::train
