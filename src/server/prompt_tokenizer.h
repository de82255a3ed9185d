// From what a client asks to the tokens that the engine computes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "api/parse.h"
#include "api/request.h"
#include "base/result.h"
#include "server/answer_memory.h"
#include "server/format_tokens.h"
#include "text/tokenizer.h"

namespace fathom::server {

/// A prompt, and where in it another one is likely to take a different course.
struct PromptTokens {
  std::vector<int32_t> tokens;
  /// Lengths of its beginnings that end before a user's turn; ascending.
  std::vector<int64_t> boundaries{};
};

/// May be used from several threads at once.
class PromptTokenizer {
 public:
  /// Everything outlives this.
  PromptTokenizer(const text::Tokenizer& tokenizer, const FormatTokens& format,
                  AnswerMemory& answers)
      : tokenizer_(tokenizer), format_(format), answers_(answers) {}

  /// The prompts of a request: those of a completion, or that of its conversation. Ids that the
  /// client sent are not checked.
  base::Result<std::vector<PromptTokens>> Encode(const api::Request& request) const;

  /// What POST /tokenize asks for.
  base::Result<std::vector<int32_t>> Encode(const api::TokenizeRequest& request) const;

 private:
  base::Result<std::vector<int32_t>> EncodeConversation(const api::Request& request,
                                                        bool add_generation_prompt) const;
  base::Result<PromptTokens> EncodeRawPrompt(const api::RawPrompt& prompt) const;
  PromptTokens FindBoundaries(std::vector<int32_t> tokens) const;

  const text::Tokenizer& tokenizer_;
  const FormatTokens& format_;
  AnswerMemory& answers_;
};

}  // namespace fathom::server
