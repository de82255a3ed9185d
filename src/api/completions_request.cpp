// OpenAI's completions: text that goes on.
#include <utility>

#include "api/dialects.h"
#include "api/request_fields.h"

namespace fathom::api {
namespace {

using base::Status;
using text::Field;

bool IsNumber(const Field& field) { return field.json->AsNumber() != nullptr; }

// A text, a list of texts, a list of token ids, or a list of such lists.
Status ReadPrompts(const Field& field, std::vector<RawPrompt>* prompts) {
  if (field.IsString()) {
    prompts->emplace_back(*field.json->AsString());
    return {};
  }
  if (!field.IsArray()) return field.FailKind("a string or a list");
  const size_t count = field.json->AsArray()->size();
  if (count == 0) return field.Fail("empty");
  if (IsNumber(field.Item(0))) {
    FATHOM_ASSIGN(std::vector<int32_t> ids, ReadTokenIds(field));
    prompts->emplace_back(std::move(ids));
    return {};
  }
  for (size_t i = 0; i < count; ++i) {
    const Field item = field.Item(i);
    if (item.IsString()) {
      prompts->emplace_back(*item.json->AsString());
    } else if (item.IsArray()) {
      FATHOM_ASSIGN(std::vector<int32_t> ids, ReadTokenIds(item));
      prompts->emplace_back(std::move(ids));
    } else {
      return item.FailKind("a string or a list of token ids");
    }
  }
  return {};
}

Status ReadChoices(const Field& root, const ParseOptions& options, Request* request) {
  const Field n = root.Member("n");
  FATHOM_ASSIGN(const auto choices,
                text::ReadOptionalInteger(n, {.least = 1, .most = options.max_choices}));
  request->choices = static_cast<int32_t>(choices.value_or(1));
  if (request->prompts.size() * static_cast<size_t>(request->choices) >
      static_cast<size_t>(options.max_choices)) {
    return root.Member("prompt").Fail(
        fmt::format("more than {} answers at once", options.max_choices));
  }
  const Field best_of = root.Member("best_of");
  FATHOM_ASSIGN(const auto best, text::ReadOptionalInteger(best_of));
  if (best.has_value() && *best != request->choices) return best_of.Fail("must equal \"n\"");
  return {};
}

}  // namespace

base::Result<Request> ReadCompletionsRequest(const Field& root, const ParseOptions& options) {
  Request request;
  request.dialect = Dialect::kCompletions;
  request.effort = text::ThinkingEffort::kNone;
  FATHOM_TRY(Refuse(root.Member("suffix"), "the model does not fill in"));
  FATHOM_TRY(Refuse(root.Member("echo"), "the prompt is not repeated"));
  FATHOM_TRY(ReadPrompts(root.Member("prompt"), &request.prompts));
  FATHOM_TRY(ReadCommon(root, &request));
  FATHOM_TRY(ReadSampling(root, options, &request));
  FATHOM_TRY(ReadStops(root.Member("stop"), &request));
  FATHOM_TRY(ReadLimit(root.Member("max_tokens"), &request));
  // OpenAI's own default, which clients of this old API count on.
  if (request.max_tokens < 0) request.max_tokens = 16;
  FATHOM_TRY(ReadChoices(root, options, &request));
  FATHOM_ASSIGN(const auto logprobs,
                text::ReadOptionalInteger(root.Member("logprobs"), {.least = 0, .most = 20}));
  request.logprobs = logprobs.has_value();
  request.top_logprobs = static_cast<int32_t>(logprobs.value_or(0));
  FATHOM_ASSIGN(request.include_usage,
                ReadFlag(root.Member("stream_options").Member("include_usage"), false));
  return request;
}

}  // namespace fathom::api
