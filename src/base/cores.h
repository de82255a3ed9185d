// The cores and memory nodes that this process may use.
#pragma once

#include <span>
#include <vector>

#include "base/result.h"

namespace fathom::base {

/// The cores that the calling thread may run on, ascending; never empty.
std::vector<int> AvailableCores();

/// Keeps the calling thread on some cores. Nothing happens where that is not allowed: a thread that
/// wanders only loses time.
void AllowCores(std::span<const int> cores);

/// Spreads what the calling thread and those that it starts take of memory from now on, pages of
/// files included, evenly over all memory nodes, so that every thread reads at the rate of all of
/// them. Nothing changes on a machine with one node.
Status InterleaveMemory();

}  // namespace fathom::base
