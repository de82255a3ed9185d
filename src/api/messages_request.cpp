// Anthropic's messages: contents are lists of blocks, and results of tools are among the user's.
#include <utility>

#include "api/conversation_rules.h"
#include "api/dialects.h"
#include "api/request_fields.h"
#include "api/sealed_reasoning.h"

namespace fathom::api {
namespace {

using base::Result;
using base::Status;
using text::Field;
using text::Json;
using text::Message;
using text::Role;

constexpr text::Named<Role> kRoles[] = {
    {"user", Role::kUser}, {"assistant", Role::kAssistant}, {"system", Role::kSystem}};

// Claude Code puts a block of this kind in front of its instructions. It differs from conversation
// to conversation, tells the model nothing, and would make each prompt new from its first token on.
constexpr std::string_view kBillingBlock = "x-anthropic-";

Status ReadAnswerBlock(const Field& block, Message* message) {
  FATHOM_TRY(RequireObject(block));
  FATHOM_ASSIGN(const std::string type, ReadText(block.Member("type")));
  if (type == "thinking") {
    FATHOM_ASSIGN(const std::string thinking, ReadText(block.Member("thinking")));
    if (!thinking.empty()) AppendBlock(thinking, &message->reasoning_content);
  } else if (type == "redacted_thinking") {
    FATHOM_ASSIGN(const std::string data, ReadOptionalText(block.Member("data")));
    const std::string thinking = OpenSealedReasoning(data).value_or("");
    if (!thinking.empty()) AppendBlock(thinking, &message->reasoning_content);
  } else if (type == "text") {
    FATHOM_ASSIGN(const std::string content, ReadText(block.Member("text")));
    if (!content.empty()) AppendBlock(content, &message->content);
  } else if (type == "tool_use") {
    text::ToolCall call;
    FATHOM_ASSIGN(call.id, ReadOptionalText(block.Member("id")));
    FATHOM_ASSIGN(call.name, ReadText(block.Member("name")));
    FATHOM_TRY(RequireObject(block.Member("input")));
    call.arguments = PrintJson(*block.Member("input").json);
    message->tool_calls.push_back(std::move(call));
  }
  // What is left are tools of Anthropic's servers and what they found.
  return {};
}

Status ReadAnswer(const Field& content, std::vector<Message>* messages) {
  Message message{.role = Role::kAssistant};
  if (content.IsString()) {
    message.content = *content.json->AsString();
  } else if (!content.IsArray()) {
    return content.FailKind("a string or a list of blocks");
  } else {
    for (size_t i = 0; i < content.json->AsArray()->size(); ++i) {
      FATHOM_TRY(ReadAnswerBlock(content.Item(i), &message));
    }
  }
  messages->push_back(std::move(message));
  return {};
}

// Each result is a tool's message, each other block the user's; the prompt joins them to one turn.
Status ReadQuestion(const Field& content, std::vector<Message>* messages) {
  if (content.IsString()) {
    messages->push_back({.role = Role::kUser, .content = *content.json->AsString()});
    return {};
  }
  if (!content.IsArray()) return content.FailKind("a string or a list of blocks");
  for (size_t i = 0; i < content.json->AsArray()->size(); ++i) {
    const Field block = content.Item(i);
    FATHOM_TRY(RequireObject(block));
    FATHOM_ASSIGN(const std::string type, ReadText(block.Member("type")));
    Message message;
    if (type == "tool_result") {
      message.role = Role::kTool;
      FATHOM_ASSIGN(message.tool_call_id, ReadText(block.Member("tool_use_id")));
      FATHOM_ASSIGN(message.content, ReadParts(block.Member("content")));
    } else {
      FATHOM_ASSIGN(message.content, ReadPart(block));
    }
    messages->push_back(std::move(message));
  }
  return {};
}

Status ReadMessages(const Field& root, std::vector<Message>* messages) {
  FATHOM_ASSIGN(std::string system, ReadParts(root.Member("system"), kBillingBlock));
  if (!system.empty()) messages->push_back({.role = Role::kSystem, .content = std::move(system)});
  const Field list = root.Member("messages");
  if (!list.IsArray()) return list.FailKind("a list");
  for (size_t i = 0; i < list.json->AsArray()->size(); ++i) {
    const Field item = list.Item(i);
    FATHOM_TRY(RequireObject(item));
    FATHOM_ASSIGN(const Role role, text::ReadName<Role>(item.Member("role"), kRoles));
    const Field content = item.Member("content");
    if (role == Role::kAssistant) {
      FATHOM_TRY(ReadAnswer(content, messages));
    } else if (role == Role::kUser) {
      FATHOM_TRY(ReadQuestion(content, messages));
    } else {
      FATHOM_ASSIGN(std::string text, ReadParts(content, kBillingBlock));
      messages->push_back({.role = Role::kSystem, .content = std::move(text)});
    }
  }
  return {};
}

// As OpenAI's function objects, which the model knows. Tools of other types have no schema that
// could be told to the model.
Status ReadTools(const Field& tools, std::vector<Json>* out) {
  FATHOM_ASSIGN(const size_t count, CountItems(tools));
  for (size_t i = 0; i < count; ++i) {
    const Field tool = tools.Item(i);
    FATHOM_TRY(RequireObject(tool));
    FATHOM_ASSIGN(const std::string type, ReadOptionalText(tool.Member("type")));
    if (!type.empty() && type != "custom") continue;
    Json::Object function;
    FATHOM_ASSIGN(std::string name, ReadText(tool.Member("name")));
    function.emplace_back("name", Json(std::move(name)));
    const Field description = tool.Member("description");
    if (description.IsString()) function.emplace_back("description", *description.json);
    const Field schema = tool.Member("input_schema");
    FATHOM_TRY(RequireObject(schema));
    function.emplace_back("parameters", *schema.json);
    out->emplace_back(std::move(function));
  }
  return {};
}

Status ReadMessagesToolChoice(const Field& field, ToolChoice* choice) {
  using Choice = ToolChoice::Kind;
  static constexpr text::Named<Choice> kKinds[] = {{"auto", Choice::kAuto},
                                                   {"any", Choice::kRequired},
                                                   {"tool", Choice::kNamed},
                                                   {"none", Choice::kNone}};
  if (field.IsMissingOrNull()) return {};
  FATHOM_TRY(RequireObject(field));
  FATHOM_ASSIGN(choice->kind, text::ReadName<Choice>(field.Member("type"), kKinds));
  if (choice->kind == Choice::kNamed) {
    FATHOM_ASSIGN(choice->name, ReadText(field.Member("name")));
  }
  FATHOM_ASSIGN(const bool one_call, ReadFlag(field.Member("disable_parallel_tool_use"), false));
  choice->allow_parallel = !one_call;
  return {};
}

// {"user_id": TEXT}, where Claude Code's text is JSON with the session in it: a key as it is.
Status ReadMetadata(const Field& metadata, Request* request) {
  FATHOM_ASSIGN(const std::string user, ReadOptionalText(metadata.Member("user_id")));
  if (!user.empty()) request->conversation_key = user;
  return {};
}

}  // namespace

Result<Request> ReadMessagesRequest(const Field& root, const ParseOptions& options) {
  Request request;
  request.dialect = Dialect::kMessages;
  FATHOM_TRY(Refuse(root.Member("mcp_servers"), "this server calls no tools"));
  FATHOM_TRY(ReadCommon(root, &request));
  FATHOM_TRY(ReadMetadata(root.Member("metadata"), &request));
  FATHOM_TRY(ReadThinking(root, options, &request));
  FATHOM_TRY(ReadSampling(root, options, &request));
  FATHOM_TRY(ReadStops(root.Member("stop_sequences"), &request));
  FATHOM_TRY(ReadLimit(root.Member("max_tokens"), &request));
  for (const Field& format :
       {root.Member("output_format"), root.Member("output_config").Member("format")}) {
    FATHOM_TRY(ReadResponseFormat(format, format, &request));
  }
  FATHOM_TRY(ReadMessages(root, &request.conversation.messages));
  FATHOM_TRY(ReadTools(root.Member("tools"), &request.conversation.tools));
  FATHOM_TRY(ReadMessagesToolChoice(root.Member("tool_choice"), &request.tool_choice));
  FATHOM_TRY(ApplyConversationRules("messages", &request));
  return request;
}

}  // namespace fathom::api
