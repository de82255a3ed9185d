// The sequences of the latest requests: most prompts begin like one of them.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "trace/recording.h"

namespace fathom::trace {

/// A conversation of 500 turns would otherwise be written down 500 times.
class PromptHistory {
 public:
  /// The longest beginning of the prompt that a sequence here has; none if it is not worth it.
  Repetition Find(std::span<const int32_t> prompt) const;

  /// Requests are added in order of their numbers. Older ones make room.
  void Add(int64_t number, std::vector<int32_t> prompt);
  /// A token of the answer.
  void AddToken(int64_t number, int32_t id);

 private:
  struct Sequence {
    int64_t number = 0;
    std::vector<int32_t> tokens;
  };

  std::deque<Sequence> sequences_;
  int64_t tokens_ = 0;  // of all
};

}  // namespace fathom::trace
