#include "api/response.h"

#include <fmt/format.h>

#include "api/encoders.h"
#include "base/check.h"

namespace fathom::api {

std::string EncodeResponse(const Request& request, const ResponseContext& context,
                           std::span<const Answer> answers, const Totals& totals) {
  FATHOM_CHECK(!answers.empty());
  switch (request.dialect) {
    case Dialect::kChat:
      return EncodeChatResponse(request, context, answers, totals);
    case Dialect::kCompletions:
      return EncodeCompletionsResponse(context, answers, totals);
    case Dialect::kResponses:
      return EncodeResponsesResponse(request, context, answers.front(), totals);
    case Dialect::kMessages:
      return EncodeMessagesResponse(context, answers.front(), totals);
  }
  FATHOM_CHECK(false);
}

std::unique_ptr<StreamEncoder> MakeStreamEncoder(const Request& request,
                                                 const ResponseContext& context) {
  switch (request.dialect) {
    case Dialect::kChat:
      return MakeChatEncoder(request, context);
    case Dialect::kCompletions:
      return MakeCompletionsEncoder(request, context);
    case Dialect::kResponses:
      return MakeResponsesEncoder(request, context);
    case Dialect::kMessages:
      return MakeMessagesEncoder(request, context);
  }
  FATHOM_CHECK(false);
}

std::string_view NameOf(TurnNote note) {
  switch (note) {
    case TurnNote::kEmptyAnswer:
      return "empty_answer";
    case TurnNote::kCallInReasoning:
      return "call_in_reasoning";
    case TurnNote::kReasoningLoop:
      return "reasoning_loop";
    case TurnNote::kAnswerLoop:
      return "answer_loop";
    case TurnNote::kThinkingBudget:
      return "thinking_budget";
    case TurnNote::kCutCall:
      return "cut_call";
  }
  FATHOM_CHECK(false);
}

std::string MakeCallId(Dialect dialect, const ResponseContext& context, int choice, size_t call) {
  return fmt::format("{}_{}_{}_{}", dialect == Dialect::kMessages ? "toolu" : "call", context.id,
                     choice, call);
}

}  // namespace fathom::api
