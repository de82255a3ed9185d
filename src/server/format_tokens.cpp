#include "server/format_tokens.h"

#include <optional>
#include <string_view>
#include <utility>

#include "text/protocol_strings.h"

namespace fathom::server {

base::Result<FormatTokens> FindFormatTokens(const text::Tokenizer& tokenizer) {
  FormatTokens tokens;
  const std::pair<std::string_view, int32_t*> wanted[] = {
      {text::kBeginOfSentence, &tokens.begin},  {text::kEndOfSentence, &tokens.end},
      {text::kUserToken, &tokens.user},         {text::kAssistantToken, &tokens.assistant},
      {text::kThinkBegin, &tokens.think_begin}, {text::kThinkEnd, &tokens.think_end},
      {text::kDsmlMarker, &tokens.dsml},
  };
  for (const auto& [spelling, id] : wanted) {
    const std::optional<int32_t> found = tokenizer.IdOf(spelling);
    if (!found) return base::MakeError("tokenizer.json: no token \"{}\"", spelling);
    *id = *found;
  }
  return tokens;
}

}  // namespace fathom::server
