#include "constraint/answer_rules.h"

#include <fmt/format.h>

#include <memory>
#include <set>
#include <span>
#include <utility>

#include "constraint/common_rules.h"
#include "constraint/pattern_rules.h"
#include "constraint/schema.h"
#include "constraint/strings.h"
#include "text/protocol_strings.h"

namespace fathom::constraint {
namespace {

using base::Result;
using base::Status;
using text::Field;
using text::Json;

// Calls of one answer, so that it ends.
constexpr uint64_t kMaxCalls = 128;
// Of an attribute: a longer tag is no tag to those who read the answer.
constexpr size_t kMaxName = 512;

Status CheckName(const std::string& name, const Field& where) {
  const bool is_odd = name.find_first_of("\"<>\n") != name.npos;
  if (!name.empty() && !is_odd && name.size() <= kMaxName) return {};
  return where.Fail(fmt::format("{} cannot be a name in a call", text::QuoteJson(name)));
}

class AnswerBuilder {
 public:
  explicit AnswerBuilder(const AnswerOptions& options)
      : options_(options), common_(AddCommonRules(&grammar_)) {}

  Result<AnswerGrammar> Build() && {
    FATHOM_ASSIGN(NodeId start, AddAnswer());
    if (options_.starts_in_reasoning) start = grammar_.AddCall(common_.reasoning, start);
    if (grammar_.is_full()) return base::MakeError("tools: their schemas are too large");
    grammar_.Finish();
    for (const auto& [rule, field] : checked_) {
      if (!grammar_.Matches(rule)) return field.Fail("no value satisfies the schema");
    }
    return AnswerGrammar{std::move(grammar_), start, std::move(unenforced_)};
  }

 private:
  Result<NodeId> AddAnswer() {
    NodeId choices[2] = {};
    size_t count = 0;
    if (options_.calls != AnswerOptions::Calls::kRequired) {
      FATHOM_ASSIGN(choices[count], AddContent());
      ++count;
    }
    if (options_.calls != AnswerOptions::Calls::kNone) {
      FATHOM_ASSIGN(choices[count], AddContentAndCalls());
      ++count;
    }
    return grammar_.AddChoice(std::span(choices, count));
  }

  Result<NodeId> AddContent() {
    const NodeId end = grammar_.AddSymbol(kEndOfSentence, grammar_.end());
    switch (options_.content) {
      case AnswerOptions::Content::kText:
        return grammar_.AddCall(common_.text_to_end, grammar_.end());
      case AnswerOptions::Content::kJsonObject:
        return grammar_.AddCall(common_.any_object, end);
      case AnswerOptions::Content::kJsonSchema:
        break;
    }
    const Field schema = {&options_.schema, options_.schema_path};
    SchemaRules rules(schema, common_, &patterns_, &grammar_);
    FATHOM_ASSIGN(const NodeId rule, rules.Add(schema, ValueKind::kJson));
    TakeNotes(rules);
    checked_.emplace_back(rule, schema);
    return grammar_.AddCall(rule, end);
  }

  // With a format the content is one value, which no call can follow.
  Result<NodeId> AddContentAndCalls() {
    const bool is_free = options_.calls == AnswerOptions::Calls::kAllowed &&
                         options_.content == AnswerOptions::Content::kText;
    FATHOM_ASSIGN(const NodeId block, AddBlock());
    if (is_free) return grammar_.AddCall(common_.text_to_calls, block);
    return grammar_.AddBytes("\n\n<", grammar_.AddSymbol(kDsml, block));
  }

  // From behind "<" and the DSML token. The register counts calls.
  Result<NodeId> AddBlock() {
    const NodeId end = grammar_.AddSymbol(kEndOfSentence, grammar_.end());
    const NodeId close = AddTag("</", "tool_calls>", end);
    const NodeId more = grammar_.AddFork();
    grammar_.AddBranch(more, {.target = close});
    const NodeId invoke = grammar_.AddFork();
    for (const Json& tool : options_.tools) {
      FATHOM_ASSIGN(const NodeId branch, AddInvoke(tool, more));
      grammar_.AddBranch(invoke, {.target = branch});
    }
    const NodeId open = AddTag("<", "invoke name=\"", invoke);
    const uint64_t more_calls = options_.allows_parallel_calls ? kMaxCalls - 1 : 0;
    grammar_.AddBranch(more, {.target = open, .test = Test::kCountBelow, .operand = more_calls});
    return grammar_.AddBytes("tool_calls>\n", open);
  }

  NodeId AddTag(std::string_view begin, std::string_view rest, NodeId next) {
    return grammar_.AddBytes(begin, grammar_.AddSymbol(kDsml, grammar_.AddBytes(rest, next)));
  }

  // From the tool's name on.
  Result<NodeId> AddInvoke(const Json& tool, NodeId next) {
    const Field field = {&tool, "tool"};
    FATHOM_ASSIGN(const std::string name, text::ReadText(field.Member("name")));
    FATHOM_TRY(CheckName(name, field));
    if (!names_.insert(name).second) return grammar_.AddFork();
    FATHOM_ASSIGN(const NodeId parameters, AddParameters(tool, name));
    return grammar_.AddBytes(name + "\">\n", grammar_.AddCall(parameters, next));
  }

  // A rule: the parameters and the end of the call. Its register is the set of those that are
  // there.
  Result<NodeId> AddParameters(const Json& tool, const std::string& tool_name) {
    Field schema = {tool.Find("parameters"), fmt::format("tools.{}.parameters", tool_name)};
    if (schema.IsMissingOrNull()) schema.json = &kAnyObject;
    schemas_.push_back(std::make_unique<SchemaRules>(schema, common_, &patterns_, &grammar_));
    SchemaRules& rules = *schemas_.back();
    FATHOM_ASSIGN(const Field resolved, rules.Resolve(schema));
    FATHOM_ASSIGN(const ObjectKeys keys, ReadObjectKeys(resolved));
    const uint32_t family = grammar_.AddFamily();
    const NodeId list = grammar_.AddFork();
    const NodeId parameter = grammar_.AddFork();
    for (size_t i = 0; i < keys.keys.size(); ++i) {
      const ObjectKeys::Key& key = keys.keys[i];
      FATHOM_TRY(CheckName(key.name, resolved.Member("properties")));
      FATHOM_ASSIGN(const ParameterValue value, AddParameterValue(&rules, key.schema, list));
      grammar_.AddKey(parameter, family, i, value.rule,
                      grammar_.AddBytes(key.name + '"', value.begin));
    }
    if (keys.allows_others) {
      FATHOM_ASSIGN(const ParameterValue value, AddParameterValue(&rules, keys.others, list));
      const NodeId other =
          AddOtherKey(keys.Names(), Spelling::kRaw, common_.raw_key, value.begin, &grammar_);
      grammar_.AddBranch(parameter, {.target = other});
    }
    TakeNotes(rules);
    grammar_.AddBranch(list, {.target = AddTag("</", "invoke>\n", grammar_.end()),
                              .test = Test::kAllMarked,
                              .operand = keys.RequiredBits(),
                              .family = family});
    grammar_.AddBranch(list, {.target = AddTag("<", "parameter name=\"", parameter),
                              .test = keys.allows_others ? Test::kNone : Test::kSomeUnmarked,
                              .family = family});
    checked_.emplace_back(list, schema);
    return list;
  }

  struct ParameterValue {
    NodeId begin;  // after the parameter's name and its quote
    NodeId rule;   // the value, in one form or the other
  };

  // From the quote after the parameter's name on: the flag and the value that belongs to it.
  Result<ParameterValue> AddParameterValue(SchemaRules* rules, const Field& schema, NodeId next) {
    FATHOM_ASSIGN(const NodeId text, rules->Add(schema, ValueKind::kRawString));
    FATHOM_ASSIGN(const NodeId json, rules->Add(schema, ValueKind::kNotString));
    const NodeId json_end = AddClosing(Spelling::kRaw, next, &grammar_);
    const NodeId choices[] = {
        grammar_.AddBytes(text::kParameterIsString.substr(1), grammar_.AddCall(text, next)),
        grammar_.AddBytes(text::kParameterIsJson.substr(1), grammar_.AddCall(json, json_end))};
    const NodeId rules_of_both[] = {text, json};
    return ParameterValue{grammar_.AddChoice(choices), grammar_.AddChoice(rules_of_both)};
  }

  void TakeNotes(const SchemaRules& rules) {
    unenforced_.insert(unenforced_.end(), rules.unenforced().begin(), rules.unenforced().end());
  }

  static inline const Json kAnyObject{Json::Object()};

  const AnswerOptions& options_;
  Grammar grammar_;
  CommonRules common_;
  PatternRules patterns_{common_, &grammar_};
  std::vector<std::unique_ptr<SchemaRules>> schemas_;
  std::vector<std::pair<NodeId, Field>> checked_;
  std::set<std::string> names_;
  std::vector<std::string> unenforced_;
};

}  // namespace

Result<AnswerGrammar> MakeAnswerGrammar(const AnswerOptions& options) {
  return AnswerBuilder(options).Build();
}

}  // namespace fathom::constraint
