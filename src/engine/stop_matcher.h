// Finds stop strings in text that arrives in pieces.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fathom::engine {

/// Passes text on as soon as no stop string can begin in it. When one is complete, the text before
/// it is the end; of several that are complete the one that begins first counts.
class StopMatcher {
 public:
  /// `stops`: none of them empty.
  explicit StopMatcher(std::vector<std::string> stops) : stops_(std::move(stops)) {}

  /// Takes more text; returns what is now certain.
  std::string Push(std::string_view text);
  /// Returns what was held back, when no more text comes.
  std::string Flush();
  bool stopped() const { return stopped_; }
  /// The stop string that was found. REQUIRES: stopped().
  const std::string& found() const { return stops_[found_]; }

 private:
  size_t FirstPossibleStart() const;

  std::vector<std::string> stops_;
  std::string held_;
  bool stopped_ = false;
  size_t found_ = 0;
};

}  // namespace fathom::engine
