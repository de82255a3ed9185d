#include "server/constraint_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "constraint/answer_options_json.h"
#include "server/log.h"
#include "text/json.h"

namespace fathom::server {
namespace {

using constraint::AnswerOptions;
using text::Json;

std::vector<Json> ListTools(const api::Request& request) {
  std::vector<Json> tools = request.conversation.tools;
  for (const text::Message& message : request.conversation.messages)
    tools.insert(tools.end(), message.tools.begin(), message.tools.end());
  if (request.tool_choice.kind != api::ToolChoice::Kind::kNamed) return tools;
  std::erase_if(tools, [&](const Json& tool) {
    const Json* const name = tool.Find("name");
    return name == nullptr || name->AsString() == nullptr ||
           *name->AsString() != request.tool_choice.name;
  });
  return tools;
}

AnswerOptions::Content ContentOf(api::ResponseFormat::Kind kind) {
  switch (kind) {
    case api::ResponseFormat::Kind::kText:
      return AnswerOptions::Content::kText;
    case api::ResponseFormat::Kind::kJsonObject:
      return AnswerOptions::Content::kJsonObject;
    case api::ResponseFormat::Kind::kJsonSchema:
      return AnswerOptions::Content::kJsonSchema;
  }
  return AnswerOptions::Content::kText;
}

AnswerOptions MakeOptions(const api::Request& request) {
  AnswerOptions options;
  options.starts_in_reasoning = request.StartsInReasoning();
  options.content = ContentOf(request.response_format.kind);
  options.schema = request.response_format.schema;
  options.schema_path = request.response_format.path;
  options.tools = ListTools(request);
  options.allows_parallel_calls = request.tool_choice.allow_parallel;
  const bool may_answer = request.tool_choice.kind == api::ToolChoice::Kind::kAuto;
  if (!options.tools.empty())
    options.calls = may_answer ? AnswerOptions::Calls::kAllowed : AnswerOptions::Calls::kRequired;
  return options;
}

}  // namespace

base::Result<std::shared_ptr<constraint::AnswerConstraints>> ConstraintCache::Find(
    const api::Request& request) {
  const AnswerOptions options = MakeOptions(request);
  const std::string key = PrintAnswerOptions(options);
  if (Constraints known = LookUp(key)) return known;
  FATHOM_ASSIGN(Constraints made, constraint::AnswerConstraints::Make(vocabulary_, options));
  Log(*made);
  Keep(key, made);
  return made;
}

ConstraintCache::Constraints ConstraintCache::LookUp(const std::string& key) {
  const std::scoped_lock lock(mutex_);
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return entry.key == key; });
  if (found == entries_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found);
  return found->constraints;
}

void ConstraintCache::Keep(const std::string& key, const Constraints& constraints) {
  const std::scoped_lock lock(mutex_);
  entries_.push_front({key, constraints});
  size_t nodes = 0;
  const auto first_beyond = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    nodes += entry.constraints->size();
    return nodes > kMostNodes;
  });
  entries_.erase(first_beyond, entries_.end());
}

void ConstraintCache::Log(const constraint::AnswerConstraints& constraints) const {
  if (!log_ || constraints.unenforced().empty()) return;
  std::vector<std::string> fields;
  for (const std::string& field : constraints.unenforced())
    fields.push_back(text::QuoteJson(field));
  log_(FormatEvent("unenforced", fmt::format("\"fields\":[{}]", fmt::join(fields, ","))));
}

}  // namespace fathom::server
