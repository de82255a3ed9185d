#include "load/conversation.h"

#include <algorithm>

#include "data/random.h"
#include "data/recall_document.h"
#include "text/json.h"

namespace fathom::load {
namespace {

using Body = nlohmann::ordered_json;

/// After so many the questions begin anew.
constexpr int64_t kQuestions = 50;
constexpr int64_t kBytesPerFact = 100;
constexpr int64_t kMostFacts = 1000;

std::string MakeDocument(int64_t bytes, uint64_t seed) {
  const int64_t facts = std::clamp<int64_t>(bytes / kBytesPerFact, 1, kMostFacts);
  return data::MakeRecallDocument({.seed = seed, .facts = facts, .bytes = bytes}).text;
}

Body MakeCall(const text::ToolCall& call) {
  // An answer that was cut may have a part of its arguments.
  const bool is_object = Body::parse(call.arguments, nullptr, false).is_object();
  return {{"id", call.id},
          {"type", "function"},
          {"function", {{"name", call.name}, {"arguments", is_object ? call.arguments : "{}"}}}};
}

}  // namespace

Conversation::Conversation(const ConversationOptions& options, uint64_t seed)
    : session_(data::MakeToolSession({.seed = data::MixSeed(seed, 0), .turns = kQuestions})) {
  body_ = {{"model", options.model}, {"messages", Body::array()},
           {"tools", Body::array()}, {"max_tokens", options.answer_tokens},
           {"temperature", 0},       {"seed", 1},
           {"stream", true},         {"stream_options", {{"include_usage", true}}}};
  if (options.fixes_length) body_["ignore_eos"] = true;
  for (const text::Json& tool : session_.tools)
    body_["tools"].push_back(
        {{"type", "function"}, {"function", Body::parse(text::PrintJson(tool))}});
  body_["messages"].push_back(
      {{"role", "system"},
       {"content", MakeDocument(options.document_bytes, data::MixSeed(seed, 1))}});
  AskNext();
}

std::string Conversation::MakeRequest() const {
  return body_.dump(-1, ' ', false, Body::error_handler_t::replace);
}

void Conversation::Continue(const ChatAnswer& answer) {
  has_begun_ = true;
  AppendAnswer(answer);
  if (answer.calls.empty())
    AskNext();
  else
    AppendResults(answer);
}

void Conversation::AskNext() {
  const data::ToolTurn& turn = session_.turns[asked_++ % session_.turns.size()];
  body_["messages"].push_back({{"role", "user"}, {"content", turn.question}});
}

void Conversation::AppendAnswer(const ChatAnswer& answer) {
  Body message = {{"role", "assistant"}, {"content", answer.content}};
  if (!answer.reasoning.empty()) message["reasoning_content"] = answer.reasoning;
  for (const text::ToolCall& call : answer.calls) message["tool_calls"].push_back(MakeCall(call));
  body_["messages"].push_back(std::move(message));
}

void Conversation::AppendResults(const ChatAnswer& answer) {
  const auto& steps = session_.turns[(asked_ - 1) % session_.turns.size()].steps;
  const std::string result = steps.empty() ? R"({"done": true})" : steps.front().results.front();
  for (const text::ToolCall& call : answer.calls)
    body_["messages"].push_back({{"role", "tool"}, {"tool_call_id", call.id}, {"content", result}});
}

}  // namespace fathom::load
