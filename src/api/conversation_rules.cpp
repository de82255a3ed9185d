#include "api/conversation_rules.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

namespace fathom::api {
namespace {

using base::Status;
using text::Json;
using text::Message;
using text::Role;

bool IsInstruction(const Message& message) {
  return message.role == Role::kSystem || message.role == Role::kDeveloper;
}

template <typename Item>
void AppendItems(std::vector<Item> items, std::vector<Item>* out) {
  std::move(items.begin(), items.end(), std::back_inserter(*out));
}

// Adds `next`, an instruction of the front or a further part of an answer, to the one before it.
void Join(Message next, Message* message) {
  AppendBlock(next.content, &message->content);
  AppendBlock(next.reasoning_content, &message->reasoning_content);
  AppendItems(std::move(next.tool_calls), &message->tool_calls);
  AppendItems(std::move(next.tools), &message->tools);
  if (next.response_format.has_value()) message->response_format = std::move(next.response_format);
}

// A conversation needs a question: instructions alone are one.
size_t CountFrontInstructions(const std::vector<Message>& messages) {
  const auto end = std::find_if_not(messages.begin(), messages.end(), IsInstruction);
  const auto count = static_cast<size_t>(end - messages.begin());
  return count == messages.size() ? count - 1 : count;
}

std::vector<Message> JoinMessages(std::vector<Message> messages, std::vector<Json>* tools) {
  const size_t front = CountFrontInstructions(messages);
  std::vector<Message> joined;
  for (size_t i = 0; i < messages.size(); ++i) {
    Message& message = messages[i];
    if (IsInstruction(message)) {
      message.role = i < front ? Role::kSystem : Role::kUser;
      if (i >= front) AppendItems(std::exchange(message.tools, {}), tools);
    }
    const bool joins = !joined.empty() && joined.back().role == message.role &&
                       (message.role == Role::kAssistant || message.role == Role::kSystem);
    if (joins) {
      Join(std::move(message), &joined.back());
    } else {
      joined.push_back(std::move(message));
    }
  }
  return joined;
}

bool HasTool(const std::vector<Json>& tools, std::string_view name) {
  return std::any_of(tools.begin(), tools.end(), [&](const Json& tool) {
    const Json* tool_name = tool.Find("name");
    return tool_name != nullptr && tool_name->AsString() != nullptr &&
           *tool_name->AsString() == name;
  });
}

Status ApplyToolChoice(Request* request) {
  text::Conversation& conversation = request->conversation;
  const ToolChoice& choice = request->tool_choice;
  if (choice.kind == ToolChoice::Kind::kNone) {
    conversation.tools.clear();
    for (Message& message : conversation.messages) message.tools.clear();
    return {};
  }
  const auto any_message = [&](auto has) {
    return has(conversation.tools) ||
           std::any_of(conversation.messages.begin(), conversation.messages.end(),
                       [&](const Message& message) { return has(message.tools); });
  };
  if (choice.kind == ToolChoice::Kind::kRequired &&
      !any_message([](const std::vector<Json>& tools) { return !tools.empty(); })) {
    return base::MakeError("tool_choice: a call is required, but there are no tools");
  }
  if (choice.kind == ToolChoice::Kind::kNamed &&
      !any_message([&](const std::vector<Json>& tools) { return HasTool(tools, choice.name); })) {
    return base::MakeError("tool_choice: there is no tool {}",
                           text::QuoteJson(choice.name.substr(0, 64)));
  }
  return {};
}

void ApplyResponseFormat(Request* request) {
  const ResponseFormat& format = request->response_format;
  if (format.kind == ResponseFormat::Kind::kText) return;
  std::vector<Message>& messages = request->conversation.messages;
  if (messages.front().role != Role::kSystem) {
    messages.insert(messages.begin(), Message{.role = Role::kSystem});
  }
  messages.front().response_format =
      format.kind == ResponseFormat::Kind::kJsonSchema
          ? format.schema
          : Json(Json::Object{{"type", Json(std::string("object"))}});
}

}  // namespace

void AppendBlock(std::string_view text, std::string* out) {
  if (text.empty()) return;
  if (!out->empty()) *out += "\n\n";
  *out += text;
}

Status ApplyConversationRules(std::string_view messages_field, Request* request) {
  text::Conversation& conversation = request->conversation;
  if (conversation.messages.empty()) return base::MakeError("{}: empty", messages_field);
  conversation.messages = JoinMessages(std::move(conversation.messages), &conversation.tools);
  const Role last = conversation.messages.back().role;
  if (last != Role::kUser && last != Role::kTool) {
    return base::MakeError("{}: the last message must be a user's or a tool's", messages_field);
  }
  FATHOM_TRY(ApplyToolChoice(request));
  ApplyResponseFormat(request);
  return {};
}

}  // namespace fathom::api
