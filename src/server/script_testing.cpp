#include "server/script_testing.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <utility>

#include "base/file.h"
#include "text/field.h"
#include "text/json.h"
#include "text/prompt_encoder.h"
#include "text/protocol_strings.h"

namespace fathom::server {
namespace {

base::Result<std::vector<text::ToolCall>> ReadCalls(const text::Field& field) {
  std::vector<text::ToolCall> calls;
  FATHOM_ASSIGN(const size_t count, text::CountItems(field));
  for (size_t i = 0; i < count; ++i) {
    const text::Field call = field.Item(i);
    FATHOM_ASSIGN(std::string name, text::ReadText(call.Member("name")));
    const text::Field arguments = call.Member("arguments");
    if (!arguments.IsObject()) return arguments.FailKind("an object");
    calls.push_back({.name = std::move(name), .arguments = text::PrintJson(*arguments.json)});
  }
  return calls;
}

base::Result<ScriptedAnswer> ReadAnswer(const text::Field& field) {
  ScriptedAnswer answer;
  FATHOM_ASSIGN(answer.when, text::ReadText(field.Member("when")));
  FATHOM_ASSIGN(answer.reasoning, text::ReadOptionalText(field.Member("reasoning")));
  FATHOM_ASSIGN(answer.content, text::ReadOptionalText(field.Member("content")));
  FATHOM_ASSIGN(answer.calls, ReadCalls(field.Member("calls")));
  FATHOM_ASSIGN(answer.raw, text::ReadOptionalText(field.Member("raw")));
  FATHOM_ASSIGN(const auto first, text::ReadOptionalNumber(field.Member("first_delay")));
  FATHOM_ASSIGN(const auto other, text::ReadOptionalNumber(field.Member("delay")));
  answer.first_delay = first.value_or(0);
  answer.delay = other.value_or(0);
  return answer;
}

}  // namespace

Script::Script(std::vector<ScriptedAnswer> answers, const std::string& model_directory)
    : answers_(std::move(answers)) {
  auto tokenizer = text::Tokenizer::Load(model_directory + "/tokenizer.json");
  if (!tokenizer.ok()) throw std::runtime_error(tokenizer.error().message);
  tokenizer_ = std::make_shared<text::Tokenizer>(std::move(*tokenizer));
}

base::Result<std::vector<ScriptedAnswer>> Script::Load(const std::string& path) {
  FATHOM_ASSIGN(const std::string text, base::ReadFile(path));
  FATHOM_ASSIGN(const text::Json json, text::ReadJson(text, path));
  const text::Field root{&json, path};
  if (!root.IsArray()) return root.FailKind("a list");
  std::vector<ScriptedAnswer> answers;
  for (size_t i = 0; i < json.AsArray()->size(); ++i) {
    FATHOM_ASSIGN(ScriptedAnswer answer, ReadAnswer(root.Item(i)));
    answers.push_back(std::move(answer));
  }
  return answers;
}

engine::Request::Force Script::Find(const std::vector<int32_t>& prompt) const {
  const std::string turn = ReadLastTurn(prompt);
  const auto answer = std::find_if(
      answers_.begin(), answers_.end(),
      [&](const ScriptedAnswer& one) { return turn.find(one.when) != std::string::npos; });
  if (answer == answers_.end()) return {};
  const bool thinks = prompt.back() == *tokenizer_->IdOf(text::kThinkBegin);
  return [tokens = Encode(*answer, thinks), first = answer->first_delay,
          other = answer->delay](std::span<const int32_t> said) -> std::optional<int32_t> {
    const double delay = said.empty() ? first : other;
    if (delay > 0) std::this_thread::sleep_for(std::chrono::duration<double>(delay));
    if (said.size() >= tokens.size()) return std::nullopt;
    return tokens[said.size()];
  };
}

std::string Script::ReadLastTurn(const std::vector<int32_t>& prompt) const {
  const auto from = std::find(prompt.rbegin(), prompt.rend(), *tokenizer_->IdOf(text::kUserToken));
  const auto to = std::find(from.base(), prompt.end(), *tokenizer_->IdOf(text::kAssistantToken));
  return *tokenizer_->Decode(std::span(from.base(), to));
}

std::vector<int32_t> Script::Encode(const ScriptedAnswer& answer, bool thinks) const {
  text::Prompt prompt;
  if (!answer.raw.empty()) {
    prompt.AppendFormat(answer.raw);
    return *tokenizer_->Encode(prompt);
  }
  if (thinks) {
    prompt.AppendPlain(answer.reasoning);
    prompt.AppendFormat(text::kThinkEnd);
  }
  prompt.AppendPlain(answer.content);
  if (!answer.calls.empty()) {
    prompt.AppendFormat("\n\n");
    text::AppendToolCalls(answer.calls, &prompt);
  }
  prompt.AppendFormat(text::kEndOfSentence);
  return *tokenizer_->Encode(prompt);
}

}  // namespace fathom::server
