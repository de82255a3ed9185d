// Text that goes in circles.
#pragma once

#include <cstdint>
#include <vector>

namespace fathom::server {

/// Finds repetition in tokens as they come: their last L are one piece of at most kMaxPeriod
/// tokens, said at least kMinTimes times in a row (the last time perhaps in part), where L is at
/// least a limit. What differs in a single token is none.
///
/// It looks after every 64th of the tokens that it looks at, so it finds repetition up to that much
/// late, and takes about a hundred steps for each token, however long the text is.
class RepetitionDetector {
 public:
  static constexpr int64_t kMaxPeriod = 512;
  static constexpr int64_t kMinTimes = 8;

  /// `limit` 0: finds none.
  explicit RepetitionDetector(int64_t limit);

  /// Takes the next token. Whether the text is found to go in circles.
  bool Add(int32_t token);

 private:
  bool Repeats();

  int64_t limit_;
  int64_t window_;  // tokens to look at
  int64_t count_ = 0;
  std::vector<int32_t> tokens_;  // the last ones, at least those in the window
  std::vector<int64_t> border_;
};

}  // namespace fathom::server
