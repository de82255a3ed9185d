#include "engine/sequence.h"

#include <memory>
#include <utility>

namespace fathom::engine {
namespace {

// At 15 MB for the largest snapshot of V4-Flash, eight turns of a chat; at the 4 MB of one at a
// multiple of 128, as many as SnapshotLimits allows.
constexpr SnapshotLimits kLimits = {.bytes = int64_t{256} << 20};

}  // namespace

Sequence Sequence::Fork() const {
  Sequence fork(cache.Fork());
  fork.tokens = tokens;
  fork.snapshots = snapshots;
  return fork;
}

void Sequence::Remember(int64_t back) {
  const int64_t position = length() - back;
  const auto items = snapshots.items();
  if (position <= 0 || (!items.empty() && items.back()->length >= position)) return;
  snapshots.Add(std::make_shared<kv::Snapshot>(cache.TakeSnapshot(back)), kLimits);
}

void Sequence::CutBack(int64_t length_wanted) {
  if (length() > length_wanted) RestoreAtOrBefore(length_wanted);
}

void Sequence::RestoreAtOrBefore(int64_t length_wanted) {
  const kv::Snapshot* found = snapshots.FindAtOrBefore(length_wanted);
  const kv::Snapshot beginning;
  cache.Restore(found != nullptr ? *found : beginning);
  tokens.resize(static_cast<size_t>(cache.length()));
  snapshots.DropAfter(cache.length());
}

}  // namespace fathom::engine
