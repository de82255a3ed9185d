// From the JSON that clients send to requests. docs/api.md lists every field.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/request.h"
#include "base/result.h"

namespace fathom::api {

struct ParseOptions {
  /// How hard the model thinks where an OpenAI request does not say. (An Anthropic request that
  /// does not say wants no thinking.)
  text::ThinkingEffort default_effort = text::ThinkingEffort::kHigh;
  /// Use temperature, top_p and the penalties of a request also if the model thinks first. Without
  /// it they then have no effect, as in DeepSeek's own API: agents send temperature 0 everywhere,
  /// and greedy reasoning runs into loops.
  bool sampling_while_thinking = false;
  /// Most answers to one request.
  int32_t max_choices = 16;
  /// Arrays and objects inside one another in a body.
  int max_depth = 128;
};

/// Reads the body of a request. The caller bounds its size: time and memory are proportional to it.
/// Unknown fields are ignored. Known fields of the wrong type, out of range, or asking for what
/// this server does not do are errors that read "PATH: what is wrong" (see MakeRequestError).
base::Result<Request> ParseRequest(Dialect dialect, std::string_view body,
                                   const ParseOptions& options = {});

/// POST /tokenize: the tokens of a text or of a conversation's prompt.
struct TokenizeRequest {
  bool is_conversation = false;
  Request conversation{};  ///< is_conversation: as of a chat completion
  bool add_generation_prompt = true;
  std::string text{};              ///< else
  bool add_special_tokens = true;  ///< Put the beginning of sentence in front of the text.
  bool parse_special = false;      ///< Spellings of special tokens in the text are those tokens.
  bool return_token_strings = false;
};

/// {"messages": ...} with the fields of a chat completion that shape its prompt, or {"prompt":
/// TEXT} (vLLM's form), or {"content": TEXT} (llama.cpp's).
base::Result<TokenizeRequest> ParseTokenizeRequest(std::string_view body,
                                                   const ParseOptions& options = {});

/// POST /detokenize: {"tokens": [ids]}. The ids are not checked against a vocabulary.
base::Result<std::vector<int32_t>> ParseDetokenizeRequest(std::string_view body,
                                                          const ParseOptions& options = {});

}  // namespace fathom::api
