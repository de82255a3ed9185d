// How one routed expert gets from the checkpoint's files into a slot of memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "checkpoint/directory.h"
#include "model/weights.h"

namespace fathom::model {

/// The tensors of a routed expert: w1, its scales, w2, its scales, w3, its scales.
using StoredExpert = std::array<const checkpoint::StoredTensor*, 6>;

/// A stretch of a file that holds tensors of the expert and nothing else but their neighbours'
/// ends. Begins at a block in the file and in the slot, so that it can be read past the page cache.
struct FileStretch {
  size_t file = 0;
  uint64_t begin = 0;
  uint64_t end = 0;          ///< of the last tensor
  uint64_t slot_offset = 0;  ///< where `begin` goes

  uint64_t needed() const { return end - begin; }
  /// Up to the end of the last block.
  uint64_t bytes() const;
};

struct ExpertLayout {
  std::vector<FileStretch> stretches;
  std::array<uint64_t, 6> tensor_offsets{};  ///< in the slot
  uint64_t slot_bytes = 0;
};

/// Tensors that lie next to each other, in whatever order, become one stretch.
ExpertLayout PlanExpert(const StoredExpert& expert);

/// An expert in a slot laid out so. `shape` gives formats and extents.
ExpertWeights BindExpert(const ExpertWeights& shape, const ExpertLayout& layout,
                         const std::byte* slot);

}  // namespace fathom::model
