// The small answers: models, version, counted and decoded tokens.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fathom::api {

/// A model that the server offers.
struct ModelCard {
  std::string id;
  int64_t created = 0;  ///< seconds since 1970
  int64_t context = 0;  ///< longest sequence, prompt and answer, in tokens
};

/// GET /v1/models. Readers of OpenAI's list and of Anthropic's both find their fields.
std::string EncodeModelList(std::span<const ModelCard> models);
/// GET /v1/models/ID
std::string EncodeModel(const ModelCard& model);

/// GET /version
std::string EncodeVersion(std::string_view version);

/// POST /v1/messages/count_tokens
std::string EncodeTokenCount(int64_t tokens);

struct Tokenization {
  std::vector<int32_t> tokens;
  std::optional<std::vector<std::string>> token_strings;  ///< if they were asked for
  int64_t context = 0;
};

/// POST /tokenize
std::string EncodeTokenization(const Tokenization& tokenization);
/// POST /detokenize
std::string EncodeDetokenization(std::string_view text);

}  // namespace fathom::api
