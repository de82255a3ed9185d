// A position of a sequence with everything that another one needs to go on from there.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kv/paged_records.h"
#include "kv/snapshot.h"

namespace fathom::kv {

/// Compressed rows and indexer keys of one layer.
struct LayerRows {
  PagedRecords rows;
  PagedRecords index_tiles;

  int64_t bytes() const { return rows.bytes() + index_tiles.bytes(); }
};

/// The rows lie in pages shared with the sequence that it was taken from, so beside the snapshot a
/// position costs what nobody else holds any more. Never changes.
struct Position {
  std::vector<LayerRows> layers;
  std::shared_ptr<const Snapshot> snapshot;
  int64_t number = 0;  ///< tells it from others that are kept, if its keeper gave it one

  int64_t length() const { return snapshot->length; }
};

}  // namespace fathom::kv
