#include "server/prompt_tokenizer.h"

#include <utility>

#include "text/prompt_encoder.h"

namespace fathom::server {

base::Result<std::vector<PromptTokens>> PromptTokenizer::Encode(const api::Request& request) const {
  std::vector<PromptTokens> prompts;
  if (request.dialect != api::Dialect::kCompletions) {
    FATHOM_ASSIGN(std::vector<int32_t> tokens, EncodeConversation(request, true));
    prompts.push_back(FindBoundaries(std::move(tokens)));
    return prompts;
  }
  for (const api::RawPrompt& raw : request.prompts) {
    FATHOM_ASSIGN(PromptTokens prompt, EncodeRawPrompt(raw));
    prompts.push_back(std::move(prompt));
  }
  return prompts;
}

base::Result<std::vector<int32_t>> PromptTokenizer::Encode(
    const api::TokenizeRequest& request) const {
  if (request.is_conversation)
    return EncodeConversation(request.conversation, request.add_generation_prompt);
  FATHOM_ASSIGN(std::vector<int32_t> tokens, request.parse_special
                                                 ? tokenizer_.EncodeRaw(request.text)
                                                 : tokenizer_.EncodePlain(request.text));
  if (request.add_special_tokens) tokens.insert(tokens.begin(), format_.begin);
  return tokens;
}

base::Result<std::vector<int32_t>> PromptTokenizer::EncodeConversation(
    const api::Request& request, bool add_generation_prompt) const {
  text::EncodeOptions options;
  options.effort = request.effort;
  options.add_generation_prompt = add_generation_prompt;
  FATHOM_ASSIGN(const text::Prompt prompt, text::EncodePrompt(request.conversation, options));
  FATHOM_ASSIGN(std::vector<int32_t> rendered, tokenizer_.Encode(prompt));
  return answers_.Restore(request.conversation, std::move(rendered));
}

base::Result<PromptTokens> PromptTokenizer::EncodeRawPrompt(const api::RawPrompt& prompt) const {
  if (const auto* ids = std::get_if<std::vector<int32_t>>(&prompt)) return FindBoundaries(*ids);
  FATHOM_ASSIGN(std::vector<int32_t> tokens, tokenizer_.EncodePlain(std::get<std::string>(prompt)));
  tokens.insert(tokens.begin(), format_.begin);
  return FindBoundaries(std::move(tokens));
}

PromptTokens PromptTokenizer::FindBoundaries(std::vector<int32_t> tokens) const {
  PromptTokens prompt{.tokens = std::move(tokens)};
  for (size_t i = 1; i < prompt.tokens.size(); ++i)
    if (prompt.tokens[i] == format_.user) prompt.boundaries.push_back(static_cast<int64_t>(i));
  return prompt;
}

}  // namespace fathom::server
