// Anthropic's messages: an answer is a list of content blocks.
#include <fmt/format.h>

#include <utility>

#include "api/encoders.h"
#include "api/json_out.h"
#include "api/sealed_reasoning.h"

namespace fathom::api {
namespace {

using Kind = text::CompletionEvent::Kind;

std::string_view StopReason(const Ending& ending, bool has_calls) {
  if (ending.finish == Finish::kContext) return "model_context_window_exceeded";
  if (IsCut(ending.finish)) return "max_tokens";
  if (has_calls && !ending.Has(TurnNote::kCutCall)) return "tool_use";
  return ending.finish == Finish::kStopSequence ? "stop_sequence" : "end_turn";
}

OutJson MakeStopSequence(const Ending& ending) {
  return ending.stop_sequence.empty() ? OutJson() : OutJson(ending.stop_sequence);
}

OutJson MakeMessage(const ResponseContext& context) {
  return {{"id", fmt::format("msg_{}", context.id)},
          {"type", "message"},
          {"role", "assistant"},
          {"model", context.model},
          {"content", OutJson::array()},
          {"stop_reason", nullptr},
          {"stop_sequence", nullptr}};
}

OutJson MakeThinking(std::string_view text, std::string_view signature) {
  return {{"type", "thinking"}, {"thinking", text}, {"signature", signature}};
}

OutJson MakeToolUse(std::string id, std::string_view name, OutJson input) {
  return {{"type", "tool_use"}, {"id", std::move(id)}, {"name", name}, {"input", std::move(input)}};
}

// Arguments are JSON, but perhaps with numbers that no double can hold; those of a call that was
// cut are not, and no tool can take them for parameters.
OutJson ParseInput(const std::string& arguments) {
  OutJson input = OutJson::parse(arguments, nullptr, false);
  if (!input.is_discarded()) return input;
  return {{"arguments", arguments}};
}

class MessagesEncoder final : public StreamEncoder {
 public:
  MessagesEncoder(const Request& request, ResponseContext context)
      : context_(std::move(context)), awaits_reasoning_(request.StartsInReasoning()) {}

  std::string Open() override {
    OutJson message = MakeMessage(context_);
    // Clients merge the usage at the end into this one, but only the fields that they know.
    message["usage"] = {{"input_tokens", context_.prompt_tokens},
                        {"cache_creation_input_tokens", 0},
                        {"cache_read_input_tokens", 0},
                        {"output_tokens", 0}};
    Tell({{"type", "message_start"}, {"message", std::move(message)}});
    Tell({{"type", "ping"}});
    return TakeFrames();
  }

  // Claude Code counts neither comments nor pings, but deltas of any length. So the block that is
  // to come opens early; one that is to close stays open until the next begins.
  std::string Heartbeat() override {
    if (block_ == Block::kNone && !has_calls_) {
      Enter(awaits_reasoning_ ? Block::kThinking : Block::kText);
    }
    if (block_ == Block::kNone) {
      Tell({{"type", "ping"}});
    } else {
      TellDelta("");
    }
    return TakeFrames();
  }

  std::string Add(int, std::span<const text::CompletionEvent> events,
                  std::span<const TokenLogprob>) override {
    for (const text::CompletionEvent& event : events) AddEvent(event);
    return TakeFrames();
  }

  std::string Finish(int, const Ending& ending) override {
    ending_ = ending;
    Leave();
    return TakeFrames();
  }

  std::string Close(const Totals& totals) override {
    OutJson delta = {{"type", "message_delta"},
                     {"delta",
                      {{"stop_reason", StopReason(ending_, has_calls_)},
                       {"stop_sequence", MakeStopSequence(ending_)}}},
                     {"usage", MakeAnthropicUsage(totals.usage)},
                     {"timings", MakeTimings(totals)}};
    AddNotes(ending_, &delta);
    Tell(delta);
    Tell({{"type", "message_stop"}});
    return TakeFrames();
  }

  std::string Fail(const Error& error) override {
    return fmt::format("event: error\ndata: {}\n\n",
                       EncodeError(Dialect::kMessages, error, "req_" + context_.id));
  }

 private:
  enum class Block { kNone, kThinking, kText, kToolUse };

  std::string TakeFrames() { return std::exchange(frames_, {}); }

  void AddEvent(const text::CompletionEvent& event) {
    switch (event.kind) {
      case Kind::kReasoning:
        if (block_ != Block::kThinking) Enter(Block::kThinking);
        reasoning_ += event.text;
        return TellDelta(event.text);
      case Kind::kContent:
        if (block_ != Block::kText) Enter(Block::kText);
        return TellDelta(event.text);
      case Kind::kCallBegin:
        has_calls_ = true;
        return EnterWith(Block::kToolUse,
                         MakeToolUse(MakeCallId(Dialect::kMessages, context_, 0, event.call),
                                     event.text, OutJson::object()));
      case Kind::kCallArguments:
        return TellDelta(event.text);
      case Kind::kCallEnd:
        return Leave();
    }
  }

  void Enter(Block block) {
    if (block == Block::kThinking) return EnterWith(block, MakeThinking("", ""));
    EnterWith(block, {{"type", "text"}, {"text", ""}});
  }

  void EnterWith(Block block, OutJson content_block) {
    Leave();
    block_ = block;
    awaits_reasoning_ = false;
    reasoning_.clear();
    Tell({{"type", "content_block_start"},
          {"index", index_},
          {"content_block", std::move(content_block)}});
  }

  void Leave() {
    if (block_ == Block::kNone) return;
    if (block_ == Block::kThinking) {
      TellDelta("signature_delta", "signature", SignReasoning(reasoning_));
    }
    block_ = Block::kNone;
    Tell({{"type", "content_block_stop"}, {"index", index_++}});
  }

  // More of the open block.
  void TellDelta(std::string_view text) {
    if (block_ == Block::kThinking) return TellDelta("thinking_delta", "thinking", text);
    if (block_ == Block::kText) return TellDelta("text_delta", "text", text);
    TellDelta("input_json_delta", "partial_json", text);
  }

  void TellDelta(const char* type, const char* key, std::string_view text) {
    Tell({{"type", "content_block_delta"},
          {"index", index_},
          {"delta", {{"type", type}, {key, text}}}});
  }

  void Tell(const OutJson& event) { frames_ += PrintNamedEvent(event); }

  ResponseContext context_;
  std::string frames_;     // told, but not returned yet
  bool awaits_reasoning_;  // the next block will be one of thinking
  bool has_calls_ = false;
  Ending ending_;
  Block block_ = Block::kNone;
  int index_ = 0;          // of the open block, or else of the next
  std::string reasoning_;  // of the open block
};

}  // namespace

std::string EncodeMessagesResponse(const ResponseContext& context, const Answer& answer,
                                   const Totals& totals) {
  const text::Completion& completion = answer.completion;
  OutJson content = OutJson::array();
  if (!completion.reasoning.empty()) {
    content.push_back(MakeThinking(completion.reasoning, SignReasoning(completion.reasoning)));
  }
  if (!completion.content.empty()) {
    content.push_back({{"type", "text"}, {"text", completion.content}});
  }
  for (size_t i = 0; i < completion.tool_calls.size(); ++i) {
    const text::CompletedCall& call = completion.tool_calls[i];
    content.push_back(MakeToolUse(MakeCallId(Dialect::kMessages, context, 0, i), call.name,
                                  ParseInput(call.arguments)));
  }
  OutJson message = MakeMessage(context);
  message["content"] = std::move(content);
  message["stop_reason"] = StopReason(answer.ending, !completion.tool_calls.empty());
  message["stop_sequence"] = MakeStopSequence(answer.ending);
  message["usage"] = MakeAnthropicUsage(totals.usage);
  message["timings"] = MakeTimings(totals);
  AddNotes(answer.ending, &message);
  return Print(message);
}

std::unique_ptr<StreamEncoder> MakeMessagesEncoder(const Request& request,
                                                   const ResponseContext& context) {
  return std::make_unique<MessagesEncoder>(request, context);
}

}  // namespace fathom::api
