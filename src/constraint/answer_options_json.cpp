#include "constraint/answer_options_json.h"

#include <span>

#include "text/field.h"

namespace fathom::constraint {
namespace {

using text::Field;
using text::Json;
using text::Named;

constexpr Named<AnswerOptions::Content> kContents[] = {
    {"text", AnswerOptions::Content::kText},
    {"json_object", AnswerOptions::Content::kJsonObject},
    {"json_schema", AnswerOptions::Content::kJsonSchema},
};
constexpr Named<AnswerOptions::Calls> kCalls[] = {
    {"none", AnswerOptions::Calls::kNone},
    {"allowed", AnswerOptions::Calls::kAllowed},
    {"required", AnswerOptions::Calls::kRequired},
};
// Schemas, which may be as deep as requests, stand in here.
constexpr int kMaxOptionsDepth = text::JsonReadOptions().max_depth + 8;

template <typename Enum>
Json PrintName(std::span<const Named<Enum>> names, Enum value) {
  for (const Named<Enum>& named : names)
    if (named.value == value) return Json(std::string(named.name));
  return {};
}

base::Result<AnswerOptions> ReadOptions(const Field& object) {
  FATHOM_TRY(RequireObject(object));
  AnswerOptions options;
  FATHOM_ASSIGN(options.starts_in_reasoning, ReadBool(object.Member("starts_in_reasoning")));
  FATHOM_ASSIGN(options.content,
                text::ReadName<AnswerOptions::Content>(object.Member("content"), kContents));
  const Field schema = object.Member("schema");
  if (!schema.IsMissing()) options.schema = *schema.json;
  FATHOM_ASSIGN(options.schema_path, ReadText(object.Member("schema_path")));
  FATHOM_ASSIGN(options.calls,
                text::ReadName<AnswerOptions::Calls>(object.Member("calls"), kCalls));
  const Field tools = object.Member("tools");
  FATHOM_TRY(CountItems(tools));
  if (tools.IsArray()) options.tools = *tools.json->AsArray();
  FATHOM_ASSIGN(options.allows_parallel_calls, ReadBool(object.Member("allows_parallel_calls")));
  return options;
}

}  // namespace

std::string PrintAnswerOptions(const AnswerOptions& options) {
  return PrintJson(Json(Json::Object{
      {"starts_in_reasoning", Json(options.starts_in_reasoning)},
      {"content", PrintName<AnswerOptions::Content>(kContents, options.content)},
      {"schema", options.schema},
      {"schema_path", Json(options.schema_path)},
      {"calls", PrintName<AnswerOptions::Calls>(kCalls, options.calls)},
      {"tools", Json(options.tools)},
      {"allows_parallel_calls", Json(options.allows_parallel_calls)},
  }));
}

base::Result<AnswerOptions> ReadAnswerOptions(std::string_view json) {
  FATHOM_ASSIGN(const Json object,
                text::ReadJson(json, "constraint", {.max_depth = kMaxOptionsDepth}));
  return ReadOptions({.json = &object, .path = "constraint"});
}

}  // namespace fathom::constraint
