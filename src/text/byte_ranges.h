// Which bytes of a text that is read once from front to back have some property.
#pragma once

#include <cstddef>
#include <deque>

namespace fathom::text {

/// A set of positions, kept as ranges. They are added in ascending order, and forgotten once the
/// reader is past them, so that the set stays small.
class ByteRanges {
 public:
  /// Adds [begin, end). REQUIRES: begin is not before the end of what was added last.
  void Add(size_t begin, size_t end) {
    if (begin == end) return;
    if (!ranges_.empty() && ranges_.back().end == begin) {
      ranges_.back().end = end;
    } else {
      ranges_.push_back({begin, end});
    }
  }

  /// Forgets what lies before `position`.
  void DropBefore(size_t position) {
    while (!ranges_.empty() && ranges_.front().end <= position) ranges_.pop_front();
  }

  bool Holds(size_t position) const {
    for (const Range& range : ranges_) {
      if (position < range.end) return position >= range.begin;
    }
    return false;
  }

 private:
  struct Range {
    size_t begin;
    size_t end;
  };
  std::deque<Range> ranges_;
};

}  // namespace fathom::text
