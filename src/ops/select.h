// Exact selection of the largest scores.
#pragma once

#include <cstdint>
#include <span>

namespace fathom::ops {

/// Writes the indices of the `count` largest scores to `out`, ascending. Of equal scores the one
/// with the lowest index counts as larger. Passes over the bits of the scores find the threshold:
/// nothing is sorted, and the time is linear whatever the order. REQUIRES: 0 < count <=
/// scores.size(), no NaN; `out` holds `count` elements.
void SelectLargest(std::span<const float> scores, int64_t count, int32_t* out);

}  // namespace fathom::ops
