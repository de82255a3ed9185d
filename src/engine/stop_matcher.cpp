#include "engine/stop_matcher.h"

#include <algorithm>
#include <utility>

namespace fathom::engine {

std::string StopMatcher::Push(std::string_view text) {
  if (stopped_) return {};
  held_.append(text);
  size_t end = std::string::npos;
  for (size_t i = 0; i < stops_.size(); ++i) {
    const size_t at = held_.find(stops_[i]);
    if (at >= end) continue;
    end = at;
    found_ = i;
  }
  stopped_ = end != std::string::npos;
  if (!stopped_) end = FirstPossibleStart();
  std::string certain = held_.substr(0, end);
  held_.erase(0, stopped_ ? held_.size() : end);
  return certain;
}

std::string StopMatcher::Flush() { return std::exchange(held_, {}); }

// Where the longest end of the held text that begins a stop string starts.
size_t StopMatcher::FirstPossibleStart() const {
  size_t longest = 0;
  for (const std::string& stop : stops_) {
    for (size_t n = std::min(stop.size() - 1, held_.size()); n > longest; --n) {
      if (held_.ends_with(std::string_view(stop).substr(0, n))) longest = n;
    }
  }
  return held_.size() - longest;
}

}  // namespace fathom::engine
