// OpenAI's chat completions, with DeepSeek's, vLLM's and OpenRouter's additions.
#include "api/conversation_rules.h"
#include "api/dialects.h"
#include "api/request_fields.h"

namespace fathom::api {
namespace {

using base::Status;
using text::Field;

base::Result<std::string> ReadChosenChatFunction(const Field& choice) {
  return ReadText(choice.Member("function").Member("name"));
}

Status ReadLogprobs(const Field& root, Request* request) {
  FATHOM_ASSIGN(request->logprobs, ReadFlag(root.Member("logprobs"), false));
  FATHOM_ASSIGN(const auto top,
                text::ReadOptionalInteger(root.Member("top_logprobs"), {.least = 0, .most = 20}));
  if (top.value_or(0) > 0 && !request->logprobs) {
    return root.Member("top_logprobs").Fail("needs \"logprobs\": true");
  }
  request->top_logprobs = static_cast<int32_t>(top.value_or(0));
  return {};
}

Status RefuseWhatChatLacks(const Field& root) {
  FATHOM_TRY(Refuse(root.Member("functions"), "not supported; use \"tools\""));
  FATHOM_TRY(Refuse(root.Member("function_call"), "not supported; use \"tool_choice\""));
  FATHOM_TRY(Refuse(root.Member("audio"), "the model has no voice"));
  const Field modalities = root.Member("modalities");
  FATHOM_ASSIGN(const size_t count, CountItems(modalities));
  for (size_t i = 0; i < count; ++i) {
    FATHOM_ASSIGN(const std::string modality, ReadText(modalities.Item(i)));
    if (modality != "text") return modalities.Item(i).Fail("only \"text\" is supported");
  }
  return {};
}

}  // namespace

base::Result<Request> ReadChatRequest(const Field& root, const ParseOptions& options) {
  Request request;
  request.dialect = Dialect::kChat;
  FATHOM_TRY(RefuseWhatChatLacks(root));
  FATHOM_TRY(ReadCommon(root, &request));
  FATHOM_TRY(ReadThinking(root, options, &request));
  FATHOM_TRY(ReadSampling(root, options, &request));
  FATHOM_TRY(ReadStops(root.Member("stop"), &request));
  FATHOM_TRY(ReadLimit(root.Member("max_tokens"), &request));
  FATHOM_TRY(ReadLimit(root.Member("max_completion_tokens"), &request));
  FATHOM_TRY(ReadLogprobs(root, &request));
  FATHOM_ASSIGN(
      const auto choices,
      text::ReadOptionalInteger(root.Member("n"), {.least = 1, .most = options.max_choices}));
  request.choices = static_cast<int32_t>(choices.value_or(1));
  FATHOM_ASSIGN(request.include_usage,
                ReadFlag(root.Member("stream_options").Member("include_usage"), false));
  const Field format = root.Member("response_format");
  FATHOM_TRY(ReadResponseFormat(format, format.Member("json_schema"), &request));
  FATHOM_TRY(
      ReadToolChoice(root.Member("tool_choice"), ReadChosenChatFunction, &request.tool_choice));
  FATHOM_ASSIGN(request.tool_choice.allow_parallel,
                ReadFlag(root.Member("parallel_tool_calls"), true));
  FATHOM_ASSIGN(request.conversation, text::ReadConversation(*root.json));
  FATHOM_TRY(ApplyConversationRules("messages", &request));
  return request;
}

}  // namespace fathom::api
