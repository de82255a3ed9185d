#include "trace/prompt_history.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace fathom::trace {
namespace {

// 16 MB of tokens, and as many sequences as can be compared in a millisecond.
constexpr int64_t kMostTokens = int64_t{4} << 20;
constexpr size_t kMostSequences = 1024;
// Fewer are as short when written down.
constexpr int64_t kLeastRepeated = 16;

}  // namespace

Repetition PromptHistory::Find(std::span<const int32_t> prompt) const {
  Repetition longest{.tokens = kLeastRepeated - 1};
  for (const Sequence& sequence : sequences_) {
    const int64_t shared =
        std::ranges::mismatch(sequence.tokens, prompt).in1 - sequence.tokens.begin();
    if (shared > longest.tokens) longest = {sequence.number, shared};
  }
  return longest.request == 0 ? Repetition() : longest;
}

void PromptHistory::Add(int64_t number, std::vector<int32_t> prompt) {
  tokens_ += std::ssize(prompt);
  sequences_.push_back({number, std::move(prompt)});
  while (tokens_ > kMostTokens || sequences_.size() > kMostSequences) {
    tokens_ -= std::ssize(sequences_.front().tokens);
    sequences_.pop_front();
    if (sequences_.empty()) return;
  }
}

void PromptHistory::AddToken(int64_t number, int32_t id) {
  const auto found = std::ranges::lower_bound(sequences_, number, {}, &Sequence::number);
  if (found == sequences_.end() || found->number != number) return;
  found->tokens.push_back(id);
  ++tokens_;
}

}  // namespace fathom::trace
