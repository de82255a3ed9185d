#include "constraint/answer_check.h"

#include <fmt/format.h>

#include "constraint/schema_check.h"

namespace fathom::constraint {
namespace {

using text::Json;

std::optional<std::string> FindInText(const text::Field& schema, std::string_view json) {
  const auto value = text::ReadJson(json, "answer");
  if (!value.ok()) return schema.path;
  return SchemaChecker(schema).FindViolation(*value);
}

}  // namespace

AnswerCheck::AnswerCheck(const AnswerOptions& options) : schema_path_(options.schema_path) {
  if (options.content == AnswerOptions::Content::kJsonSchema) schema_ = options.schema;
  for (const Json& tool : options.tools) {
    const Json* const name = tool.Find("name");
    const Json* const parameters = tool.Find("parameters");
    if (name != nullptr && name->AsString() != nullptr && parameters != nullptr)
      parameters_.try_emplace(*name->AsString(), *parameters);
  }
}

std::optional<std::string> AnswerCheck::FindInCall(const std::string& tool,
                                                   std::string_view arguments) const {
  const auto parameters = parameters_.find(tool);
  if (parameters == parameters_.end()) return std::nullopt;
  return FindInText({&parameters->second, fmt::format("tools.{}.parameters", tool)}, arguments);
}

std::optional<std::string> AnswerCheck::FindInContent(std::string_view content) const {
  return schema_ ? FindInText({&*schema_, schema_path_}, content) : std::nullopt;
}

}  // namespace fathom::constraint
