#include "engine/prompt_stops.h"

#include <algorithm>

#include "engine/sequence.h"

namespace fathom::engine {

PromptStops::PromptStops(std::span<const int64_t> boundaries, int64_t prompt_tokens) {
  for (const int64_t boundary : boundaries) {
    // One token before the end every prompt is kept.
    if (boundary <= 0 || boundary >= prompt_tokens - 1) continue;
    if (!positions_.empty() && boundary - *positions_.rbegin() < kLeastDistance) continue;
    positions_.insert(boundary);
  }
}

int64_t PromptStops::FindNext(int64_t position) const {
  constexpr int64_t kRegular = Sequence::kSnapshotDistance;
  const int64_t regular = (position / kRegular + 1) * kRegular;
  const auto next = positions_.upper_bound(position);
  return next == positions_.end() ? regular : std::min(regular, *next);
}

bool PromptStops::Contains(int64_t position) const {
  return position % Sequence::kSnapshotDistance == 0 || positions_.contains(position);
}

}  // namespace fathom::engine
