// A sequence that requests continue.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "engine/snapshot_list.h"
#include "kv/sequence_cache.h"

namespace fathom::engine {

/// The cache of one conversation, the tokens that it holds, and the positions that it can be cut
/// back to.
class Sequence {
 public:
  /// Prompts are computed in pieces that end at multiples of this many tokens, and a snapshot is
  /// taken there. At multiples of 128 a snapshot is smallest.
  static constexpr int64_t kSnapshotDistance = 2048;

  explicit Sequence(kv::SequenceCache empty) : cache(std::move(empty)) {}

  /// A second sequence with the same past. Memory is shared as far as it is final.
  Sequence Fork() const;

  /// Takes a snapshot of the present position, or with `back` 1 of the one before it, unless there
  /// is one or a longer one.
  void Remember(int64_t back = 0);

  /// Cuts the sequence back to its longest snapshot of at most `length` tokens, or to nothing if
  /// there is none. A sequence that is no longer than `length` stays as it is.
  void CutBack(int64_t length);

  /// After a step that failed, when the cache holds part of its tokens: goes back to the longest
  /// snapshot, or to nothing.
  void Recover() { RestoreAtOrBefore(length()); }

  int64_t length() const { return static_cast<int64_t>(tokens.size()); }

  kv::SequenceCache cache;
  std::vector<int32_t> tokens;  ///< computed so far
  SnapshotList snapshots;       ///< none longer than `tokens`
  bool busy = false;            ///< serves a request

 private:
  void RestoreAtOrBefore(int64_t length);
};

}  // namespace fathom::engine
