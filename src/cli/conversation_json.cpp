#include "cli/conversation_json.h"

#include <string_view>

#include "cli/json.h"

namespace fathom::cli {
namespace {

std::string_view RoleName(text::Role role) {
  switch (role) {
    case text::Role::kSystem:
      return "system";
    case text::Role::kDeveloper:
      return "developer";
    case text::Role::kUser:
      return "user";
    case text::Role::kAssistant:
      return "assistant";
    case text::Role::kTool:
      return "tool";
    case text::Role::kLatestReminder:
      return "latest_reminder";
  }
  return {};
}

Json ToJson(const text::Message& message) {
  Json json = {{"role", RoleName(message.role)}};
  if (!message.reasoning_content.empty()) json["reasoning_content"] = message.reasoning_content;
  json["content"] = message.content;
  for (const text::ToolCall& call : message.tool_calls)
    json["tool_calls"].push_back(
        {{"id", call.id},
         {"type", "function"},
         {"function", {{"name", call.name}, {"arguments", call.arguments}}}});
  return json;
}

}  // namespace

std::string PrintConversation(const std::vector<text::Message>& messages, int indent) {
  Json list = Json::array();
  for (const text::Message& message : messages) list.push_back(ToJson(message));
  return PrintJson(Json{{"messages", std::move(list)}}, indent);
}

}  // namespace fathom::cli
