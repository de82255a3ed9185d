#include "api/service.h"

#include <ctime>

#include "api/json_out.h"

namespace fathom::api {
namespace {

std::string FormatTime(int64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm utc{};
  char text[32] = "";
  if (gmtime_r(&time, &utc) != nullptr) std::strftime(text, sizeof text, "%FT%TZ", &utc);
  return text;
}

OutJson MakeCard(const ModelCard& model) {
  return {{"id", model.id},
          {"object", "model"},
          {"type", "model"},
          {"created", model.created},
          {"created_at", FormatTime(model.created)},
          {"owned_by", "fathom"},
          {"display_name", model.id},
          {"max_model_len", model.context}};
}

}  // namespace

std::string EncodeModelList(std::span<const ModelCard> models) {
  OutJson data = OutJson::array();
  for (const ModelCard& model : models) data.push_back(MakeCard(model));
  const OutJson first = models.empty() ? OutJson() : OutJson(models.front().id);
  const OutJson last = models.empty() ? OutJson() : OutJson(models.back().id);
  return Print({{"object", "list"},
                {"data", std::move(data)},
                {"has_more", false},
                {"first_id", first},
                {"last_id", last}});
}

std::string EncodeModel(const ModelCard& model) { return Print(MakeCard(model)); }

std::string EncodeVersion(std::string_view version) { return Print({{"version", version}}); }

std::string EncodeTokenCount(int64_t tokens) { return Print({{"input_tokens", tokens}}); }

std::string EncodeTokenization(const Tokenization& tokenization) {
  OutJson json = {{"count", tokenization.tokens.size()},
                  {"max_model_len", tokenization.context},
                  {"tokens", tokenization.tokens}};
  if (tokenization.token_strings.has_value()) json["token_strs"] = *tokenization.token_strings;
  return Print(json);
}

// Under vLLM's name and llama.cpp's.
std::string EncodeDetokenization(std::string_view text) {
  return Print({{"prompt", text}, {"content", text}});
}

}  // namespace fathom::api
