// A position that a sequence can return to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kv/memory_meter.h"

namespace fathom::kv {

/// What a sequence needs at a position beside its compressed rows and indexer keys, which are final
/// once emitted: the window rows that the next token sees, and the projections that the next
/// compressed rows pool. Nothing is kept that the position does not need: at a multiple of 128
/// tokens the layers that pool 128 have nothing to wait for. For V4-Flash that makes about 4 MB at
/// such a position and 15 MB at most.
struct Snapshot {
  int64_t length = 0;      ///< tokens that the model's own layers had seen
  int64_t mtp_length = 0;  ///< tokens that its MTP layers had seen
  /// Layer by layer: window rows, then values and scores of the compressor, then those of the
  /// indexer's compressor, each by ascending position. The counts follow from the layers' shapes
  /// and the length.
  std::vector<std::byte> state{};
  MeteredBytes metered{};

  int64_t bytes() const { return static_cast<int64_t>(state.size()); }
};

}  // namespace fathom::kv
