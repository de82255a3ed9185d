// OpenAI's chat completions, with DeepSeek's reasoning_content.
#include <fmt/format.h>

#include <utility>
#include <vector>

#include "api/encoders.h"
#include "api/json_out.h"

namespace fathom::api {
namespace {

using Kind = text::CompletionEvent::Kind;

OutJson MakeHead(const char* object, const ResponseContext& context) {
  return {{"id", fmt::format("chatcmpl-{}", context.id)},
          {"object", object},
          {"created", context.created},
          {"model", context.model}};
}

OutJson MakeChoiceLogprobs(std::span<const TokenLogprob> tokens) {
  return {{"content", MakeLogprobs(tokens, false)},
          {"reasoning_content", MakeLogprobs(tokens, true)}};
}

OutJson MakeCall(std::string id, std::string_view name, std::string_view arguments) {
  return {{"id", std::move(id)},
          {"type", "function"},
          {"function", {{"name", name}, {"arguments", arguments}}}};
}

OutJson MakeMessage(const text::Completion& completion, const ResponseContext& context,
                    int choice) {
  OutJson message = {{"role", "assistant"}};
  if (!completion.reasoning.empty()) message["reasoning_content"] = completion.reasoning;
  const bool has_calls = !completion.tool_calls.empty();
  message["content"] =
      completion.content.empty() && has_calls ? OutJson() : OutJson(completion.content);
  message["refusal"] = nullptr;
  for (size_t i = 0; i < completion.tool_calls.size(); ++i) {
    const text::CompletedCall& call = completion.tool_calls[i];
    message["tool_calls"].push_back(
        MakeCall(MakeCallId(Dialect::kChat, context, choice, i), call.name, call.arguments));
  }
  return message;
}

class ChatEncoder final : public StreamEncoder {
 public:
  ChatEncoder(const Request& request, ResponseContext context)
      : context_(std::move(context)),
        has_calls_(static_cast<size_t>(request.choices)),
        include_usage_(request.include_usage) {}

  std::string Open() override {
    std::string frames;
    for (size_t choice = 0; choice < has_calls_.size(); ++choice) {
      frames += PrintDataEvent(
          MakeChunk(static_cast<int>(choice), {{"role", "assistant"}, {"content", ""}}, {}));
    }
    return frames;
  }

  // A comment: every client that has a clock takes it for life, and none for a part of the answer.
  std::string Heartbeat() override { return ": alive\n\n"; }

  std::string Add(int choice, std::span<const text::CompletionEvent> events,
                  std::span<const TokenLogprob> logprobs) override {
    std::string frames;
    for (const text::CompletionEvent& event : events) {
      if (event.kind == Kind::kCallEnd) continue;
      frames +=
          PrintDataEvent(MakeChunk(choice, MakeDelta(choice, event), std::exchange(logprobs, {})));
    }
    if (!logprobs.empty()) frames += PrintDataEvent(MakeChunk(choice, OutJson::object(), logprobs));
    return frames;
  }

  std::string Finish(int choice, const Ending& ending) override {
    const bool has_calls = has_calls_[static_cast<size_t>(choice)];
    OutJson chunk = MakeChunk(choice, OutJson::object(), {});
    chunk["choices"][0]["finish_reason"] = OpenAiFinishReason(ending, has_calls);
    AddNotes(ending, &chunk["choices"][0]);
    return PrintDataEvent(chunk);
  }

  std::string Close(const Totals& totals) override {
    return PrintOpenAiEnd(MakeHead("chat.completion.chunk", context_), totals, include_usage_);
  }

  std::string Fail(const Error& error) override { return PrintOpenAiFailure(error); }

 private:
  OutJson MakeDelta(int choice, const text::CompletionEvent& event) {
    switch (event.kind) {
      case Kind::kReasoning:
        return {{"reasoning_content", event.text}};
      case Kind::kContent:
        return {{"content", event.text}};
      case Kind::kCallBegin: {
        has_calls_[static_cast<size_t>(choice)] = true;
        OutJson call = {{"index", event.call}};
        call.update(
            MakeCall(MakeCallId(Dialect::kChat, context_, choice, event.call), event.text, ""));
        return {{"tool_calls", OutJson::array({std::move(call)})}};
      }
      default: {
        OutJson call = {{"index", event.call}, {"function", {{"arguments", event.text}}}};
        return {{"tool_calls", OutJson::array({std::move(call)})}};
      }
    }
  }

  OutJson MakeChunk(int choice, OutJson delta, std::span<const TokenLogprob> logprobs) const {
    OutJson chunk = MakeHead("chat.completion.chunk", context_);
    OutJson entry = {{"index", choice}, {"delta", std::move(delta)}};
    if (!logprobs.empty()) entry["logprobs"] = MakeChoiceLogprobs(logprobs);
    entry["finish_reason"] = nullptr;
    chunk["choices"] = OutJson::array({std::move(entry)});
    return chunk;
  }

  ResponseContext context_;
  std::vector<bool> has_calls_;  // by choice
  bool include_usage_;
};

}  // namespace

std::string EncodeChatResponse(const Request& request, const ResponseContext& context,
                               std::span<const Answer> answers, const Totals& totals) {
  OutJson json = MakeHead("chat.completion", context);
  OutJson choices = OutJson::array();
  for (size_t i = 0; i < answers.size(); ++i) {
    const Answer& answer = answers[i];
    const bool has_calls = !answer.completion.tool_calls.empty();
    const int index = static_cast<int>(i);
    choices.push_back(
        {{"index", index},
         {"message", MakeMessage(answer.completion, context, index)},
         {"logprobs", request.logprobs ? MakeChoiceLogprobs(answer.logprobs) : OutJson()},
         {"finish_reason", OpenAiFinishReason(answer.ending, has_calls)}});
    AddNotes(answer.ending, &choices.back());
  }
  json["choices"] = std::move(choices);
  json["usage"] = MakeOpenAiUsage(totals.usage);
  json["timings"] = MakeTimings(totals);
  return Print(json);
}

std::unique_ptr<StreamEncoder> MakeChatEncoder(const Request& request,
                                               const ResponseContext& context) {
  return std::make_unique<ChatEncoder>(request, context);
}

}  // namespace fathom::api
