#include "engine/snapshot_list.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace fathom::engine {

void SnapshotList::Add(Item snapshot, const SnapshotLimits& limits) {
  FATHOM_CHECK(items_.empty() || items_.back()->length < snapshot->length);
  items_.push_back(std::move(snapshot));
  while (items_.size() > 1 && (std::ssize(items_) > limits.count || bytes() > limits.bytes))
    DropOne();
}

// Without item i, somebody who returns to just before item i + 1 computes from item i - 1. That
// hurts the less the farther back they go anyway.
void SnapshotList::DropOne() {
  const int64_t newest = items_.back()->length;
  size_t least = 0;
  double least_harm = 2;
  for (size_t i = 0; i + 1 < items_.size(); ++i) {
    const int64_t before = i == 0 ? 0 : items_[i - 1]->length;
    const double harm =
        static_cast<double>(items_[i + 1]->length - before) / static_cast<double>(newest - before);
    if (harm >= least_harm) continue;
    least = i;
    least_harm = harm;
  }
  items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(least));
}

const kv::Snapshot* SnapshotList::FindAtOrBefore(int64_t length) const {
  const auto after =
      std::ranges::find_if(items_, [&](const Item& snapshot) { return snapshot->length > length; });
  return after == items_.begin() ? nullptr : std::prev(after)->get();
}

void SnapshotList::DropAfter(int64_t length) {
  std::erase_if(items_, [&](const Item& snapshot) { return snapshot->length > length; });
}

int64_t SnapshotList::bytes() const {
  int64_t bytes = 0;
  for (const Item& snapshot : items_) bytes += snapshot->bytes();
  return bytes;
}

}  // namespace fathom::engine
