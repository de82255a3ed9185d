#include "trace/recording.h"

#include <algorithm>
#include <iterator>

namespace fathom::trace {

// What is repeated may itself repeat what came before: each request gives the part that is its own.
std::vector<int32_t> Recording::PromptOf(int64_t number) const {
  const RecordedRequest& recorded = request(number);
  std::vector<int32_t> prompt(static_cast<size_t>(recorded.repeated.tokens));
  prompt.insert(prompt.end(), recorded.request.prompt.begin(), recorded.request.prompt.end());
  Repetition part = recorded.repeated;
  while (part.tokens > 0) {
    const RecordedRequest& owner = request(part.request);
    const std::vector<int32_t>& own = owner.request.prompt;
    for (int64_t i = owner.repeated.tokens; i < part.tokens; ++i) {
      const auto at = static_cast<size_t>(i - owner.repeated.tokens);
      prompt[static_cast<size_t>(i)] = at < own.size() ? own[at] : owner.tokens[at - own.size()].id;
    }
    part = {owner.repeated.request, std::min(owner.repeated.tokens, part.tokens)};
  }
  return prompt;
}

}  // namespace fathom::trace
