// Low-rank adapters: fine-tuning that leaves the model's own matrices alone until the end.
#pragma once

#include <cstdint>
#include <vector>

#include "train/parameters.h"

namespace fathom::train {

/// Gives every quantised matrix of the table (those of attention, indexers and experts) an adapter
/// of that rank, and returns the factors, which are what is to be trained. One factor of each is
/// random and the other 0: nothing changes at first. REQUIRES: rank >= 1.
std::vector<Parameter> AttachAdapters(ParameterTable& table, int64_t rank, uint64_t seed);

/// Adds the adapters to their matrices and removes them.
void MergeAdapters(ParameterTable& table);

}  // namespace fathom::train
