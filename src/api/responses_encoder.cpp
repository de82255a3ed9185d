// OpenAI's responses: an answer is a list of items, each of which is opened, told and closed.
#include <utility>
#include <vector>

#include "api/encoders.h"
#include "api/response_items.h"

namespace fathom::api {
namespace {

using Kind = text::CompletionEvent::Kind;

class ResponsesEncoder final : public StreamEncoder {
 public:
  ResponsesEncoder(const Request& request, const ResponseContext& context)
      : items_(request, context) {}

  std::string Open() override {
    Tell("response.created", {{"response", items_.MakeOpenResponse()}});
    return Heartbeat();
  }

  // Codex counts events, not bytes, and takes this one as often as it comes.
  std::string Heartbeat() override {
    Tell("response.in_progress", {{"response", items_.MakeOpenResponse()}});
    return TakeFrames();
  }

  std::string Add(int, std::span<const text::CompletionEvent> events,
                  std::span<const TokenLogprob> logprobs) override {
    logprobs_.insert(logprobs_.end(), logprobs.begin(), logprobs.end());
    for (const text::CompletionEvent& event : events) AddEvent(event);
    return TakeFrames();
  }

  std::string Finish(int, const Ending& ending) override {
    ending_ = ending;
    // An answer has at least one item.
    if (output_.empty() && part_ == Part::kNone) Enter(Part::kMessage);
    Leave(part_ == Part::kCall ? LastCallStatus(ending) : ResponseStatus(ending.finish));
    return TakeFrames();
  }

  std::string Close(const Totals& totals) override {
    OutJson response = items_.MakeClosedResponse(ending_, output_, totals);
    const bool is_complete = response["status"] == "completed";
    Tell(is_complete ? "response.completed" : "response.incomplete",
         {{"response", std::move(response)}});
    return TakeFrames();
  }

  std::string Fail(const Error& error) override {
    Tell("response.failed", {{"response", items_.MakeFailedResponse(error, output_)}});
    return TakeFrames();
  }

 private:
  // The open item, and with it its one part.
  enum class Part { kNone, kReasoning, kMessage, kCall };

  std::string TakeFrames() { return std::exchange(frames_, {}); }

  void AddEvent(const text::CompletionEvent& event) {
    switch (event.kind) {
      case Kind::kReasoning:
        return AddText(Part::kReasoning, event.text);
      case Kind::kContent:
        return AddText(Part::kMessage, event.text);
      case Kind::kCallBegin:
        Leave("completed");
        call_ = event.call;
        name_ = event.text;
        return Enter(Part::kCall);
      case Kind::kCallArguments:
        text_ += event.text;
        return TellOfItem("response.function_call_arguments.delta", {{"delta", event.text}});
      case Kind::kCallEnd:
        // What follows closes it: at the end of the text only Finish knows whether it is complete.
        return;
    }
  }

  void AddText(Part part, const std::string& text) {
    if (part_ != part) {
      Leave("completed");
      Enter(part);
    }
    text_ += text;
    OutJson fields = {{"content_index", 0}, {"delta", text}};
    if (part == Part::kReasoning) return TellOfItem("response.reasoning_text.delta", fields);
    fields["logprobs"] = TakeLogprobs();
    TellOfItem("response.output_text.delta", fields);
  }

  void Enter(Part part) {
    part_ = part;
    text_.clear();
    told_logprobs_ = OutJson::array();
    Tell("response.output_item.added",
         {{"output_index", output_.size()}, {"item", MakeItem("in_progress")}});
    if (part == Part::kCall) return;
    TellOfItem("response.content_part.added", {{"content_index", 0}, {"part", MakePart()}});
  }

  void Leave(std::string_view status) {
    switch (part_) {
      case Part::kNone:
        return;
      case Part::kReasoning:
        TellOfItem("response.reasoning_text.done", {{"content_index", 0}, {"text", text_}});
        break;
      case Part::kMessage:
        TellOfItem("response.output_text.done",
                   {{"content_index", 0}, {"text", text_}, {"logprobs", told_logprobs_}});
        break;
      case Part::kCall:
        TellOfItem("response.function_call_arguments.done", {{"arguments", text_}});
        break;
    }
    if (part_ != Part::kCall) {
      TellOfItem("response.content_part.done", {{"content_index", 0}, {"part", MakePart()}});
    }
    OutJson item = MakeItem(status);
    Tell("response.output_item.done", {{"output_index", output_.size()}, {"item", item}});
    output_.push_back(std::move(item));
    part_ = Part::kNone;
  }

  OutJson MakeItem(std::string_view status) const {
    const size_t index = output_.size();
    if (part_ == Part::kReasoning) return items_.MakeReasoning(index, status, text_);
    if (part_ == Part::kMessage) return items_.MakeMessage(index, status, text_, told_logprobs_);
    return items_.MakeCall(index, call_, status, name_, text_);
  }

  OutJson MakePart() const {
    if (part_ == Part::kReasoning) return ResponseItems::MakeReasoningPart(text_);
    return ResponseItems::MakeTextPart(text_, told_logprobs_);
  }

  // Those of the tokens since the last time; tokens of reasoning and of calls have no place.
  OutJson TakeLogprobs() {
    OutJson list = MakeLogprobs(std::exchange(logprobs_, {}), false);
    for (const OutJson& entry : list) told_logprobs_.push_back(entry);
    return list;
  }

  void TellOfItem(const char* type, const OutJson& fields) {
    const char* prefix = part_ == Part::kReasoning ? "rs" : part_ == Part::kMessage ? "msg" : "fc";
    OutJson event = {{"item_id", items_.MakeId(prefix, output_.size())},
                     {"output_index", output_.size()}};
    event.update(fields);
    Tell(type, event);
  }

  void Tell(const char* type, const OutJson& fields) {
    OutJson event = {{"type", type}, {"sequence_number", sequence_++}};
    event.update(fields);
    frames_ += PrintNamedEvent(event);
  }

  ResponseItems items_;
  std::string frames_;  // told, but not returned yet
  int64_t sequence_ = 0;
  OutJson output_ = OutJson::array();  // items that are closed
  Ending ending_;

  Part part_ = Part::kNone;
  std::string text_;  // of the open part, or the arguments of the open call
  std::string name_;  // of the open call
  size_t call_ = 0;
  std::vector<TokenLogprob> logprobs_;
  OutJson told_logprobs_ = OutJson::array();
};

}  // namespace

std::string EncodeResponsesResponse(const Request& request, const ResponseContext& context,
                                    const Answer& answer, const Totals& totals) {
  const ResponseItems items(request, context);
  const text::Completion& completion = answer.completion;
  const std::string_view last_status = ResponseStatus(answer.ending.finish);
  const bool has_calls = !completion.tool_calls.empty();
  const bool has_message =
      !completion.content.empty() || (!has_calls && completion.reasoning.empty());
  OutJson output = OutJson::array();
  if (!completion.reasoning.empty()) {
    const bool is_last = !has_message && !has_calls;
    output.push_back(items.MakeReasoning(output.size(), is_last ? last_status : "completed",
                                         completion.reasoning));
  }
  if (has_message) {
    output.push_back(items.MakeMessage(output.size(), has_calls ? "completed" : last_status,
                                       completion.content, MakeLogprobs(answer.logprobs, false)));
  }
  for (size_t i = 0; i < completion.tool_calls.size(); ++i) {
    const text::CompletedCall& call = completion.tool_calls[i];
    const bool is_last = i + 1 == completion.tool_calls.size();
    output.push_back(items.MakeCall(output.size(), i,
                                    is_last ? LastCallStatus(answer.ending) : "completed",
                                    call.name, call.arguments));
  }
  return Print(items.MakeClosedResponse(answer.ending, std::move(output), totals));
}

std::unique_ptr<StreamEncoder> MakeResponsesEncoder(const Request& request,
                                                    const ResponseContext& context) {
  return std::make_unique<ResponsesEncoder>(request, context);
}

}  // namespace fathom::api
