#include "text/message.h"

#include <algorithm>
#include <span>

#include "text/field.h"

namespace fathom::text {
namespace {

using base::MakeError;
using base::Result;
using base::Status;

constexpr Named<Role> kRoles[] = {
    {"system", Role::kSystem}, {"developer", Role::kDeveloper},
    {"user", Role::kUser},     {"assistant", Role::kAssistant},
    {"tool", Role::kTool},     {"latest_reminder", Role::kLatestReminder},
};

constexpr Named<Task> kTasks[] = {
    {"action", Task::kAction},
    {"query", Task::kQuery},
    {"authority", Task::kAuthority},
    {"domain", Task::kDomain},
    {"title", Task::kTitle},
    {"read_url", Task::kReadUrl},
    {"extracted_url", Task::kExtractedUrl},
};

Result<std::string> ReadPart(const Field& part) {
  FATHOM_TRY(RequireObject(part));
  FATHOM_ASSIGN(const std::string type, ReadText(part.Member("type")));
  if (type == "text") return ReadText(part.Member("text"));
  return fmt::format("[Unsupported {}]", type);
}

Result<std::string> ReadContent(const Field& content) {
  if (content.json->IsNull()) return std::string();
  if (const std::string* text = content.json->AsString()) return *text;
  if (!content.IsArray()) {
    return content.FailKind("a string, null or a list of parts");
  }
  std::string joined;
  for (size_t i = 0; i < content.json->AsArray()->size(); ++i) {
    FATHOM_ASSIGN(const std::string part, ReadPart(content.Item(i)));
    if (i > 0) joined += "\n\n";
    joined += part;
  }
  return joined;
}

Result<ToolCall> ReadToolCall(const Field& call) {
  FATHOM_TRY(RequireObject(call));
  const Field function = call.Member("function");
  FATHOM_TRY(RequireObject(function));
  ToolCall result;
  FATHOM_ASSIGN(result.id, ReadOptionalText(call.Member("id")));
  FATHOM_ASSIGN(result.name, ReadText(function.Member("name")));
  const Field arguments = function.Member("arguments");
  if (arguments.IsObject()) {
    result.arguments = PrintJson(*arguments.json);
    return result;
  }
  if (!arguments.IsString()) return arguments.FailKind("a string or an object");
  result.arguments = *arguments.json->AsString();
  return result;
}

Result<Json> ReadTool(const Field& tool) {
  FATHOM_TRY(RequireObject(tool));
  const Field type = tool.Member("type");
  if (!type.IsMissing()) {
    FATHOM_ASSIGN(const std::string name, ReadText(type));
    if (name != "function") return type.Fail("only functions can be tools");
  }
  Field function = tool.Member("function");
  if (function.IsMissing()) function = tool;
  FATHOM_TRY(RequireObject(function));
  FATHOM_TRY(ReadText(function.Member("name")));
  return *function.json;
}

Result<std::vector<Json>> ReadTools(const Field& field) {
  FATHOM_ASSIGN(const size_t count, CountItems(field));
  std::vector<Json> tools;
  for (size_t i = 0; i < count; ++i) {
    FATHOM_ASSIGN(Json tool, ReadTool(field.Item(i)));
    tools.push_back(std::move(tool));
  }
  return tools;
}

// As in Python, an empty object asks for nothing.
Result<std::optional<Json>> ReadResponseFormat(const Field& field) {
  if (field.IsMissingOrNull()) return std::optional<Json>();
  FATHOM_TRY(RequireObject(field));
  if (field.json->AsObject()->empty()) return std::optional<Json>();
  return std::optional<Json>(*field.json);
}

// A field of the format that this role has no place for would vanish from the prompt unseen.
Status RefuseElsewhere(const Field& message, Role role, std::string_view key,
                       std::initializer_list<Role> owners, std::string_view owner_names) {
  const Field field = message.Member(key);
  if (field.IsMissingOrNull() || std::find(owners.begin(), owners.end(), role) != owners.end()) {
    return {};
  }
  if (field.IsArray() && field.json->AsArray()->empty()) return {};
  return field.Fail(fmt::format("only {} messages have this field", owner_names));
}

Status CheckFieldsOfRole(const Field& message, Role role) {
  FATHOM_TRY(RefuseElsewhere(message, role, "tool_calls", {Role::kAssistant}, "assistant"));
  for (std::string_view key : {"tools", "response_format"}) {
    FATHOM_TRY(RefuseElsewhere(message, role, key, {Role::kSystem, Role::kDeveloper},
                               "system and developer"));
  }
  return RefuseElsewhere(message, role, "task", {Role::kUser, Role::kDeveloper},
                         "user and developer");
}

Result<Message> ReadMessage(const Field& field) {
  FATHOM_TRY(RequireObject(field));
  Message message;
  FATHOM_ASSIGN(message.role, ReadName<Role>(field.Member("role"), kRoles));
  FATHOM_TRY(CheckFieldsOfRole(field, message.role));
  const Field content = field.Member("content");
  if (!content.IsMissing()) {
    FATHOM_ASSIGN(message.content, ReadContent(content));
  } else if (message.role != Role::kSystem && message.role != Role::kAssistant) {
    return content.Fail("missing");
  }
  const Field reasoning = field.Member("reasoning_content");
  FATHOM_ASSIGN(
      message.reasoning_content,
      ReadOptionalText(reasoning.IsMissingOrNull() ? field.Member("reasoning") : reasoning));
  FATHOM_ASSIGN(message.tool_call_id, ReadOptionalText(field.Member("tool_call_id")));
  const Field calls = field.Member("tool_calls");
  FATHOM_ASSIGN(const size_t call_count, CountItems(calls));
  for (size_t i = 0; i < call_count; ++i) {
    FATHOM_ASSIGN(ToolCall call, ReadToolCall(calls.Item(i)));
    message.tool_calls.push_back(std::move(call));
  }
  FATHOM_ASSIGN(message.tools, ReadTools(field.Member("tools")));
  FATHOM_ASSIGN(message.response_format, ReadResponseFormat(field.Member("response_format")));
  const Field task = field.Member("task");
  if (!task.IsMissingOrNull()) {
    FATHOM_ASSIGN(message.task, ReadName<Task>(task, kTasks));
  }
  return message;
}

}  // namespace

Result<Conversation> ReadConversation(const Json& value) {
  const bool bare = value.AsArray() != nullptr;
  if (!bare && value.AsObject() == nullptr) {
    return MakeError("expected an object with \"messages\" or a list of messages, found {}",
                     value.KindName());
  }
  const Field root{&value, ""};
  const Field messages = bare ? Field{&value, "messages"} : root.Member("messages");
  if (messages.IsMissingOrNull()) return messages.FailKind("a list");
  FATHOM_ASSIGN(const size_t count, CountItems(messages));
  if (count == 0) return messages.Fail("empty");
  Conversation conversation;
  for (size_t i = 0; i < count; ++i) {
    FATHOM_ASSIGN(Message message, ReadMessage(messages.Item(i)));
    conversation.messages.push_back(std::move(message));
  }
  FATHOM_ASSIGN(conversation.tools, ReadTools(root.Member("tools")));
  return conversation;
}

Result<Conversation> ParseConversation(std::string_view json_text, std::string_view source) {
  FATHOM_ASSIGN(const Json value, ReadJson(json_text, source));
  auto conversation = ReadConversation(value);
  if (!conversation.ok()) return MakeError("{}: {}", source, conversation.error().message);
  return conversation;
}

}  // namespace fathom::text
