// OpenAI's completions.
#include <fmt/format.h>

#include <utility>
#include <vector>

#include "api/encoders.h"
#include "api/json_out.h"

namespace fathom::api {
namespace {

OutJson MakeHead(const ResponseContext& context) {
  return {{"id", fmt::format("cmpl-{}", context.id)},
          {"object", "text_completion"},
          {"created", context.created},
          {"model", context.model}};
}

// Lists side by side, one entry a token. `offset` is where the first token begins in the text.
OutJson MakeOldLogprobs(std::span<const TokenLogprob> tokens, size_t* offset) {
  OutJson json = {{"tokens", OutJson::array()},
                  {"token_logprobs", OutJson::array()},
                  {"top_logprobs", OutJson::array()},
                  {"text_offset", OutJson::array()}};
  for (const TokenLogprob& token : tokens) {
    json["tokens"].push_back(token.bytes);
    json["token_logprobs"].push_back(MakeNumber(token.logprob));
    OutJson top = OutJson::object();
    for (const Alternative& other : token.top) top[other.bytes] = MakeNumber(other.logprob);
    json["top_logprobs"].push_back(std::move(top));
    json["text_offset"].push_back(*offset);
    *offset += token.bytes.size();
  }
  return json;
}

// `ending`: null if there is more to come.
OutJson MakeChoice(int index, std::string_view text, OutJson logprobs, const Ending* ending) {
  OutJson choice = {{"index", index},
                    {"text", text},
                    {"logprobs", std::move(logprobs)},
                    {"finish_reason", nullptr}};
  if (ending == nullptr) return choice;
  choice["finish_reason"] = OpenAiFinishReason(*ending, false);
  AddNotes(*ending, &choice);
  return choice;
}

class CompletionsEncoder final : public StreamEncoder {
 public:
  CompletionsEncoder(const Request& request, ResponseContext context)
      : context_(std::move(context)),
        offsets_(request.prompts.size() * static_cast<size_t>(request.choices)),
        include_usage_(request.include_usage) {}

  std::string Open() override { return Heartbeat(); }
  std::string Heartbeat() override { return ": alive\n\n"; }

  std::string Add(int choice, std::span<const text::CompletionEvent> events,
                  std::span<const TokenLogprob> logprobs) override {
    std::string text;
    for (const text::CompletionEvent& event : events) text += event.text;
    if (text.empty() && logprobs.empty()) return {};
    OutJson told;
    if (!logprobs.empty()) told = MakeOldLogprobs(logprobs, &offsets_[static_cast<size_t>(choice)]);
    return PrintChunk(MakeChoice(choice, text, std::move(told), nullptr));
  }

  std::string Finish(int choice, const Ending& ending) override {
    return PrintChunk(MakeChoice(choice, "", {}, &ending));
  }

  std::string Close(const Totals& totals) override {
    return PrintOpenAiEnd(MakeHead(context_), totals, include_usage_);
  }

  std::string Fail(const Error& error) override { return PrintOpenAiFailure(error); }

 private:
  std::string PrintChunk(OutJson choice) const {
    OutJson chunk = MakeHead(context_);
    chunk["choices"] = OutJson::array({std::move(choice)});
    return PrintDataEvent(chunk);
  }

  ResponseContext context_;
  std::vector<size_t> offsets_;  // by choice: bytes of the tokens told so far
  bool include_usage_;
};

}  // namespace

std::string EncodeCompletionsResponse(const ResponseContext& context,
                                      std::span<const Answer> answers, const Totals& totals) {
  OutJson json = MakeHead(context);
  OutJson choices = OutJson::array();
  for (size_t i = 0; i < answers.size(); ++i) {
    const Answer& answer = answers[i];
    size_t offset = 0;
    OutJson logprobs;
    if (!answer.logprobs.empty()) logprobs = MakeOldLogprobs(answer.logprobs, &offset);
    choices.push_back(MakeChoice(static_cast<int>(i), answer.completion.content,
                                 std::move(logprobs), &answer.ending));
  }
  json["choices"] = std::move(choices);
  json["usage"] = MakeOpenAiUsage(totals.usage);
  json["timings"] = MakeTimings(totals);
  return Print(json);
}

std::unique_ptr<StreamEncoder> MakeCompletionsEncoder(const Request& request,
                                                      const ResponseContext& context) {
  return std::make_unique<CompletionsEncoder>(request, context);
}

}  // namespace fathom::api
