#include "api/response_items.h"

#include <fmt/format.h>

#include <utility>

#include "api/response.h"
#include "api/sealed_reasoning.h"

namespace fathom::api {
namespace {

OutJson MakeToolChoice(const ToolChoice& choice) {
  switch (choice.kind) {
    case ToolChoice::Kind::kAuto:
      return "auto";
    case ToolChoice::Kind::kNone:
      return "none";
    case ToolChoice::Kind::kRequired:
      return "required";
    case ToolChoice::Kind::kNamed:
      break;
  }
  return {{"type", "function"}, {"name", choice.name}};
}

const char* EffortName(text::ThinkingEffort effort) {
  if (effort == text::ThinkingEffort::kNone) return "none";
  return effort == text::ThinkingEffort::kMax ? "xhigh" : "high";
}

OutJson MakeFormat(const ResponseFormat& format) {
  switch (format.kind) {
    case ResponseFormat::Kind::kText:
      return {{"type", "text"}};
    case ResponseFormat::Kind::kJsonObject:
      return {{"type", "json_object"}};
    case ResponseFormat::Kind::kJsonSchema:
      break;
  }
  return {{"type", "json_schema"}, {"name", format.name}};
}

// As far as clients read it back. The tools are left out: they would come with every event.
OutJson MakeOpen(const Request& request, const ResponseContext& context) {
  OutJson json = {{"id", fmt::format("resp_{}", context.id)},
                  {"object", "response"},
                  {"created_at", context.created},
                  {"status", "in_progress"},
                  {"background", false},
                  {"error", nullptr},
                  {"incomplete_details", nullptr},
                  {"instructions", nullptr},
                  {"max_output_tokens", nullptr},
                  {"model", context.model},
                  {"output", OutJson::array()},
                  {"parallel_tool_calls", request.tool_choice.allow_parallel},
                  {"previous_response_id", nullptr},
                  {"reasoning", {{"effort", EffortName(request.effort)}, {"summary", nullptr}}},
                  {"store", false},
                  {"temperature", MakeNumber(request.sampling.temperature)},
                  {"text", {{"format", MakeFormat(request.response_format)}}},
                  {"tool_choice", MakeToolChoice(request.tool_choice)},
                  {"tools", OutJson::array()},
                  {"top_p", MakeNumber(request.sampling.top_p)},
                  {"truncation", "disabled"},
                  {"usage", nullptr}};
  if (request.max_tokens >= 0) json["max_output_tokens"] = request.max_tokens;
  const bool has_metadata = request.metadata.AsObject() != nullptr;
  OutJson metadata;
  if (has_metadata) metadata = OutJson::parse(PrintJson(request.metadata), nullptr, false);
  json["metadata"] = metadata.is_object() ? std::move(metadata) : OutJson::object();
  return json;
}

}  // namespace

ResponseItems::ResponseItems(const Request& request, ResponseContext context)
    : context_(std::move(context)),
      namespaced_tools_(request.namespaced_tools.begin(), request.namespaced_tools.end()),
      seals_reasoning_(request.include_encrypted_reasoning),
      open_(MakeOpen(request, context_)) {}

std::string ResponseItems::MakeId(std::string_view prefix, size_t index) const {
  return fmt::format("{}_{}_{}", prefix, context_.id, index);
}

OutJson ResponseItems::MakeReasoning(size_t index, std::string_view status,
                                     std::string_view text) const {
  const bool is_open = status == "in_progress";
  OutJson json = {{"id", MakeId("rs", index)},
                  {"type", "reasoning"},
                  {"status", status},
                  {"summary", OutJson::array()},
                  {"content", OutJson::array()}};
  if (!is_open) json["content"].push_back(MakeReasoningPart(text));
  const bool is_sealed = seals_reasoning_ && !is_open;
  json["encrypted_content"] = is_sealed ? OutJson(SealReasoning(text)) : OutJson();
  return json;
}

OutJson ResponseItems::MakeMessage(size_t index, std::string_view status, std::string_view text,
                                   OutJson logprobs) const {
  OutJson json = {{"id", MakeId("msg", index)},
                  {"type", "message"},
                  {"status", status},
                  {"role", "assistant"},
                  {"content", OutJson::array()}};
  if (status != "in_progress") json["content"].push_back(MakeTextPart(text, std::move(logprobs)));
  return json;
}

OutJson ResponseItems::MakeCall(size_t index, size_t call, std::string_view status,
                                std::string_view name, std::string_view arguments) const {
  OutJson json = {{"id", MakeId("fc", index)},
                  {"type", "function_call"},
                  {"status", status},
                  {"call_id", MakeCallId(Dialect::kResponses, context_, 0, call)},
                  {"name", name},
                  {"arguments", arguments}};
  if (const auto tool = namespaced_tools_.find(name); tool != namespaced_tools_.end()) {
    json["name"] = tool->second.name;
    json["namespace"] = tool->second.space;
  }
  return json;
}

OutJson ResponseItems::MakeReasoningPart(std::string_view text) {
  return {{"type", "reasoning_text"}, {"text", text}};
}

OutJson ResponseItems::MakeTextPart(std::string_view text, OutJson logprobs) {
  return {{"type", "output_text"},
          {"text", text},
          {"annotations", OutJson::array()},
          {"logprobs", std::move(logprobs)}};
}

OutJson ResponseItems::MakeClosedResponse(const Ending& ending, OutJson output,
                                          const Totals& totals) const {
  OutJson json = open_;
  json["status"] = ResponseStatus(ending.finish);
  if (json["status"] == "incomplete") {
    json["incomplete_details"] = {{"reason", "max_output_tokens"}};
  }
  json["output"] = std::move(output);
  json["usage"] = MakeResponsesUsage(totals.usage);
  json["timings"] = MakeTimings(totals);
  AddNotes(ending, &json);
  return json;
}

OutJson ResponseItems::MakeFailedResponse(const Error& error, OutJson output) const {
  OutJson json = open_;
  const OutJson names = MakeOpenAiError(error);
  json["status"] = "failed";
  json["error"] = {{"code", names["code"].is_null() ? names["type"] : names["code"]},
                   {"message", error.message}};
  json["output"] = std::move(output);
  return json;
}

std::string_view ResponseStatus(Finish finish) {
  return IsCut(finish) ? "incomplete" : "completed";
}

std::string_view LastCallStatus(const Ending& ending) {
  return ending.Has(TurnNote::kCutCall) ? "incomplete" : "completed";
}

}  // namespace fathom::api
