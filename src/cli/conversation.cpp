#include "cli/conversation.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "base/system_error.h"
#include "cli/conversation_json.h"
#include "cli/generation_options.h"

namespace fathom::cli {
namespace {

text::Message MakeAnswerMessage(const text::Completion& answer) {
  text::Message message = {.role = text::Role::kAssistant,
                           .content = answer.content,
                           .reasoning_content = answer.reasoning};
  for (const text::CompletedCall& call : answer.tool_calls)
    message.tool_calls.push_back({.name = call.name, .arguments = call.arguments});
  return message;
}

}  // namespace

base::Status Conversation::CheckPath(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (::access(folder.empty() ? "." : folder.c_str(), W_OK | X_OK) == 0) return {};
  return base::SystemError(path, "create");
}

Conversation Conversation::Start(engine::Engine& engine) {
  return Conversation(engine.NewSequence());
}

base::Result<Conversation> Conversation::Load(engine::Engine& engine, const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::status(path, ignored).type() == std::filesystem::file_type::not_found)
    return Start(engine);
  std::string error;
  std::optional<engine::Session> session = engine.LoadSession(path, &error);
  if (!session) return base::Error{error};
  FATHOM_ASSIGN(text::Conversation stored, text::ParseConversation(session->note, path));
  Conversation conversation(std::move(session->sequence));
  conversation.messages_ = std::move(stored.messages);
  auto& messages = conversation.messages_;
  if (!messages.empty() && messages.front().role == text::Role::kSystem) {
    conversation.system_ = std::move(messages.front().content);
    messages.erase(messages.begin());
  }
  return conversation;
}

base::Status Conversation::Save(engine::Engine& engine, const std::string& path) const {
  std::string error;
  if (engine.SaveSession(*sequence_, Print(), path, &error)) return {};
  return base::Error{error};
}

uint64_t Conversation::answers() const {
  return static_cast<uint64_t>(
      std::ranges::count(messages_, text::Role::kAssistant, &text::Message::role));
}

void Conversation::SetSystem(std::string text) {
  changed_ |= text != system_;
  system_ = std::move(text);
}

void Conversation::Clear() {
  changed_ |= !messages_.empty();
  messages_.clear();
}

void Conversation::AddTurn(std::string message, const text::Completion& answer) {
  messages_.push_back({.role = text::Role::kUser, .content = std::move(message)});
  messages_.push_back(MakeAnswerMessage(answer));
  changed_ = true;
}

base::Result<std::vector<int32_t>> Conversation::EncodeWith(const engine::Engine& engine,
                                                            const std::string& message,
                                                            const std::string& source,
                                                            text::ThinkingEffort think) const {
  FATHOM_TRY(CheckUtf8(message, source));
  std::vector<text::Message> messages = AllMessages();
  messages.push_back({.role = text::Role::kUser, .content = message});
  return EncodeConversation(engine, PrintConversation(messages), think);
}

std::string Conversation::Print(int indent) const {
  return PrintConversation(AllMessages(), indent);
}

std::vector<text::Message> Conversation::AllMessages() const {
  std::vector<text::Message> messages;
  if (!system_.empty()) messages.push_back({.role = text::Role::kSystem, .content = system_});
  messages.insert(messages.end(), messages_.begin(), messages_.end());
  return messages;
}

}  // namespace fathom::cli
