// The positions that a sequence can return to.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "kv/snapshot.h"

namespace fathom::engine {

/// What the snapshots of one sequence may take, together.
struct SnapshotLimits {
  int64_t count = 64;
  int64_t bytes = int64_t{1} << 40;
};

/// Snapshots of one sequence, by ascending length, no length twice. Copies share the snapshots.
class SnapshotList {
 public:
  using Item = std::shared_ptr<const kv::Snapshot>;

  SnapshotList() = default;
  /// REQUIRES: ascending lengths.
  explicit SnapshotList(std::vector<Item> items) : items_(std::move(items)) {}

  /// Adds a snapshot that is longer than all others, then drops some until the limits hold: those
  /// whose neighbours are nearest to each other, compared with how far back they lie. What remains
  /// lies the denser the newer it is. The newest stays in any case.
  void Add(Item snapshot, const SnapshotLimits& limits);

  /// The longest snapshot of at most `length` tokens, or null.
  const kv::Snapshot* FindAtOrBefore(int64_t length) const;
  /// Drops the snapshots of more than `length` tokens.
  void DropAfter(int64_t length);

  std::span<const Item> items() const { return items_; }
  int64_t bytes() const;

 private:
  void DropOne();

  std::vector<Item> items_;
};

}  // namespace fathom::engine
