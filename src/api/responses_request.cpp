// OpenAI's responses: a conversation as a list of items, each of which may be part of an answer.
#include <array>
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

constexpr text::Named<Role> kItemRoles[] = {{"system", Role::kSystem},
                                            {"developer", Role::kDeveloper},
                                            {"user", Role::kUser},
                                            {"assistant", Role::kAssistant}};

// What tools of the server that gave the answer did. They are not this server's, and their results
// went into that answer.
constexpr std::array<std::string_view, 8> kHostedItems = {
    "web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call",
    "computer_call",   "mcp_call",         "mcp_list_tools",        "mcp_approval_request"};

// A tool's name in the prompt, which has no namespaces.
std::string JoinNames(std::string_view space, std::string_view name) {
  if (space.empty()) return std::string(name);
  return std::string(space) + (space.ends_with("__") ? "" : "__") + std::string(name);
}

Result<Message> ReadMessageItem(const Field& item) {
  Message message;
  FATHOM_ASSIGN(message.role, text::ReadName<Role>(item.Member("role"), kItemRoles));
  FATHOM_ASSIGN(message.content, ReadParts(item.Member("content")));
  return message;
}

// Some clients keep the readable reasoning, some only what is opaque to them. What another server
// sealed is of no use.
Result<Message> ReadReasoningItem(const Field& item) {
  Message message{.role = Role::kAssistant};
  FATHOM_ASSIGN(message.reasoning_content, ReadParts(item.Member("content")));
  FATHOM_ASSIGN(const std::string sealed, ReadOptionalText(item.Member("encrypted_content")));
  if (message.reasoning_content.empty() && !sealed.empty()) {
    message.reasoning_content = OpenSealedReasoning(sealed).value_or("");
  }
  return message;
}

Result<Message> ReadCallItem(const Field& item, bool is_custom) {
  text::ToolCall call;
  FATHOM_ASSIGN(call.id, ReadOptionalText(item.Member("call_id")));
  FATHOM_ASSIGN(const std::string space, ReadOptionalText(item.Member("namespace")));
  FATHOM_ASSIGN(const std::string name, ReadText(item.Member("name")));
  call.name = JoinNames(space, name);
  FATHOM_ASSIGN(call.arguments, ReadText(item.Member(is_custom ? "input" : "arguments")));
  if (is_custom) {
    call.arguments = PrintJson(Json(Json::Object{{"input", Json(std::move(call.arguments))}}));
  }
  Message message{.role = Role::kAssistant};
  message.tool_calls.push_back(std::move(call));
  return message;
}

Result<Message> ReadOutputItem(const Field& item) {
  Message message{.role = Role::kTool};
  FATHOM_ASSIGN(message.tool_call_id, ReadText(item.Member("call_id")));
  FATHOM_ASSIGN(message.content, ReadParts(item.Member("output")));
  return message;
}

Result<std::optional<Message>> ReadItem(const Field& item) {
  FATHOM_TRY(RequireObject(item));
  const Field type_field = item.Member("type");
  FATHOM_ASSIGN(const std::string type, ReadOptionalText(type_field));
  const auto wrap = [](Result<Message> message) -> Result<std::optional<Message>> {
    if (!message.ok()) return message.error();
    return std::optional<Message>(std::move(message).value());
  };
  if (type.empty() || type == "message") return wrap(ReadMessageItem(item));
  if (type == "reasoning") return wrap(ReadReasoningItem(item));
  if (type == "function_call") return wrap(ReadCallItem(item, false));
  if (type == "custom_tool_call") return wrap(ReadCallItem(item, true));
  if (type == "function_call_output" || type == "custom_tool_call_output") {
    return wrap(ReadOutputItem(item));
  }
  for (std::string_view hosted : kHostedItems) {
    if (type == hosted) return std::optional<Message>();
  }
  if (type == "item_reference") return type_field.Fail("no items are stored here; send them");
  return type_field.Fail("not supported: " + text::QuoteJson(type.substr(0, 64)));
}

Status ReadInput(const Field& root, std::vector<Message>* messages) {
  FATHOM_ASSIGN(std::string instructions, ReadOptionalText(root.Member("instructions")));
  if (!instructions.empty()) {
    messages->push_back({.role = Role::kSystem, .content = std::move(instructions)});
  }
  const Field input = root.Member("input");
  if (input.IsString()) {
    messages->push_back({.role = Role::kUser, .content = *input.json->AsString()});
    return {};
  }
  if (!input.IsArray()) return input.FailKind("a string or a list of items");
  for (size_t i = 0; i < input.json->AsArray()->size(); ++i) {
    FATHOM_ASSIGN(std::optional<Message> message, ReadItem(input.Item(i)));
    if (message.has_value()) messages->push_back(*std::move(message));
  }
  return {};
}

Status ReadFunction(const Field& tool, const std::string& space, Request* request) {
  FATHOM_ASSIGN(const std::string name, ReadText(tool.Member("name")));
  const std::string prompt_name = JoinNames(space, name);
  Json::Object function;
  for (const auto& [key, value] : *tool.json->AsObject()) {
    if (key == "type") continue;
    function.emplace_back(key, key == "name" ? Json(prompt_name) : value);
  }
  request->conversation.tools.emplace_back(std::move(function));
  if (!space.empty()) request->namespaced_tools[prompt_name] = {space, name};
  return {};
}

// Tools of other types are the server's own in OpenAI's service; the model has to do without.
Status ReadTools(const Field& tools, const std::string& space, Request* request) {
  FATHOM_ASSIGN(const size_t count, CountItems(tools));
  for (size_t i = 0; i < count; ++i) {
    const Field tool = tools.Item(i);
    FATHOM_TRY(RequireObject(tool));
    FATHOM_ASSIGN(const std::string type, ReadText(tool.Member("type")));
    if (type == "function") {
      FATHOM_TRY(ReadFunction(tool, space, request));
    } else if (type == "namespace" && space.empty()) {
      FATHOM_ASSIGN(const std::string name, ReadText(tool.Member("name")));
      if (name.empty()) return tool.Member("name").Fail("empty");
      FATHOM_TRY(ReadTools(tool.Member("tools"), name, request));
    }
  }
  return {};
}

Result<std::string> ReadChosenResponsesFunction(const Field& choice) {
  FATHOM_ASSIGN(const std::string space, ReadOptionalText(choice.Member("namespace")));
  FATHOM_ASSIGN(const std::string name, ReadText(choice.Member("name")));
  return JoinNames(space, name);
}

Status ReadInclude(const Field& root, Request* request) {
  const Field include = root.Member("include");
  FATHOM_ASSIGN(const size_t count, CountItems(include));
  for (size_t i = 0; i < count; ++i) {
    FATHOM_ASSIGN(const std::string name, ReadText(include.Item(i)));
    request->include_encrypted_reasoning |= name == "reasoning.encrypted_content";
    request->logprobs |= name == "message.output_text.logprobs";
  }
  FATHOM_ASSIGN(const auto top,
                text::ReadOptionalInteger(root.Member("top_logprobs"), {.least = 0, .most = 20}));
  request->top_logprobs = request->logprobs ? static_cast<int32_t>(top.value_or(0)) : 0;
  return {};
}

Status RefuseWhatResponsesLack(const Field& root) {
  FATHOM_TRY(Refuse(root.Member("previous_response_id"), "no responses are stored here"));
  FATHOM_TRY(Refuse(root.Member("conversation"), "no conversations are stored here"));
  FATHOM_TRY(Refuse(root.Member("background"), "not supported"));
  return Refuse(root.Member("prompt"), "no prompts are stored here");
}

}  // namespace

Result<Request> ReadResponsesRequest(const Field& root, const ParseOptions& options) {
  Request request;
  request.dialect = Dialect::kResponses;
  FATHOM_TRY(RefuseWhatResponsesLack(root));
  FATHOM_TRY(ReadCommon(root, &request));
  FATHOM_TRY(ReadThinking(root, options, &request));
  FATHOM_TRY(ReadSampling(root, options, &request));
  FATHOM_TRY(ReadLimit(root.Member("max_output_tokens"), &request));
  FATHOM_TRY(ReadInclude(root, &request));
  const Field format = root.Member("text").Member("format");
  FATHOM_TRY(ReadResponseFormat(format, format, &request));
  FATHOM_TRY(ReadInput(root, &request.conversation.messages));
  FATHOM_TRY(ReadTools(root.Member("tools"), "", &request));
  FATHOM_TRY(ReadToolChoice(root.Member("tool_choice"), ReadChosenResponsesFunction,
                            &request.tool_choice));
  FATHOM_ASSIGN(request.tool_choice.allow_parallel,
                ReadFlag(root.Member("parallel_tool_calls"), true));
  if (root.Member("metadata").IsObject()) request.metadata = *root.Member("metadata").json;
  FATHOM_TRY(ApplyConversationRules("input", &request));
  return request;
}

}  // namespace fathom::api
