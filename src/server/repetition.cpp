#include "server/repetition.h"

#include <algorithm>
#include <cstddef>

namespace fathom::server {

RepetitionDetector::RepetitionDetector(int64_t limit)
    : limit_(limit), window_(std::max(limit, kMaxPeriod * kMinTimes)) {}

bool RepetitionDetector::Add(int32_t token) {
  if (limit_ <= 0) return false;
  if (std::ssize(tokens_) == 2 * window_)
    tokens_.erase(tokens_.begin(), tokens_.begin() + static_cast<std::ptrdiff_t>(window_));
  tokens_.push_back(token);
  return ++count_ % (window_ / 64) == 0 && Repeats();
}

// The border of a text is the longest other text that it begins and ends with; without it, its
// shortest period is left. These are the borders of all ends of the window, backwards, each found
// from the ones before it (Knuth, Morris and Pratt).
bool RepetitionDetector::Repeats() {
  const int64_t length = std::min(std::ssize(tokens_), window_);
  const auto at = [&](int64_t i) { return tokens_[tokens_.size() - 1 - static_cast<size_t>(i)]; };
  border_.assign(static_cast<size_t>(length) + 1, 0);
  int64_t border = 0;
  for (int64_t i = 1; i < length; ++i) {
    while (border > 0 && at(i) != at(border)) border = border_[static_cast<size_t>(border)];
    if (at(i) == at(border)) ++border;
    border_[static_cast<size_t>(i) + 1] = border;
    const int64_t period = i + 1 - border;
    if (i + 1 >= limit_ && period <= kMaxPeriod && period * kMinTimes <= i + 1) return true;
  }
  return false;
}

}  // namespace fathom::server
