// Whatever is drawn among the tokens that may come, the answer is well formed: random walks through
// many schemas, read back by the completion parser and held against the schemas by SchemaChecker,
// which shares nothing with the automaton.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "constraint/answer_constraint.h"
#include "constraint/constraint_testing.h"
#include "text/completion_parser.h"

namespace fathom::constraint {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

const char* const kSchemas[] = {
    R"({})",
    R"(true)",
    R"({"type": "string"})",
    R"({"type": "string", "minLength": 3, "maxLength": 5})",
    R"({"type": "string", "maxLength": 200})",
    R"({"type": "string", "minLength": 4})",
    R"({"enum": ["red", "red\n\"hot\"", 7, null, {"a": [1, 2.5]}]})",
    R"({"const": "always"})",
    R"({"type": "integer"})",
    R"({"type": "number"})",
    R"({"type": "integer", "minimum": -12, "maximum": 345})",
    R"({"type": "integer", "exclusiveMinimum": 99, "exclusiveMaximum": 1001})",
    R"({"type": "integer", "maximum": -7})",
    R"({"type": "number", "minimum": 0, "exclusiveMaximum": 1})",
    R"({"type": "number", "minimum": -2.25, "maximum": 10.5})",
    R"({"type": "number", "exclusiveMinimum": 0})",
    R"({"type": "number", "exclusiveMaximum": 0})",
    R"({"type": ["string", "null"]})",
    R"({"type": "boolean", "nullable": true})",
    R"({"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 3})",
    R"({"type": "array", "items": {"type": "array", "items": {"enum": ["a", "ab", "aab"]}}})",
    R"({"type": "array", "maxItems": 0})",
    R"({"type": "object", "properties": {"ab": {"type": "string"}, "abc": {"type": "integer"},
        "b\"c": {"type": "boolean"}}, "required": ["abc"]})",
    R"({"type": "object", "properties": {"ab": {"type": "integer"}},
        "additionalProperties": {"type": "boolean"}})",
    R"({"type": "object", "additionalProperties": {"type": "integer"}})",
    R"({"type": "object", "properties": {}, "additionalProperties": false})",
    R"({"anyOf": [{"type": "integer", "minimum": 5}, {"type": "string", "maxLength": 2},
        {"type": "object", "properties": {"x": {"const": 1}}, "required": ["x"]}]})",
    R"({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}]})",
    R"({"allOf": [{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
        {"properties": {"b": {"type": "null"}}, "required": ["b"]}]})",
    R"({"$defs": {"tree": {"type": "object", "description": "a tree", "properties": {
          "value": {"type": "integer"},
          "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}, "maxItems": 2}},
        "required": ["value", "children"]}}, "$ref": "#/$defs/tree"})",
    R"({"$defs": {"node": {"type": "object", "properties": {
          "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}], "title": "Next"}},
        "required": ["next"]}}, "allOf": [{"$ref": "#/$defs/node"}], "title": "Root"})",
};

class EverySchema : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Constraint, EverySchema, testing::ValuesIn(kSchemas));

TEST_P(EverySchema, IsSatisfiedByContent) {
  const auto constraints =
      Compile({.content = AnswerOptions::Content::kJsonSchema, .schema = Read(GetParam())});
  std::mt19937 random(1);
  for (int i = 0; i < 20; ++i) {
    const Walked walked = Walk(constraints, random);
    EXPECT_EQ(FindBreach(GetParam(), walked.text), "") << walked.text;
  }
}

TEST_P(EverySchema, IsSatisfiedByParameters) {
  const std::string parameters = std::string(R"({"type": "object", "properties": {"first": )") +
                                 GetParam() + R"(, "second": {"type": "string"}},
                                 "required": ["first"]})";
  json document = json::parse(parameters);
  const json schema = json::parse(GetParam());
  if (schema.contains("$defs")) document["$defs"] = schema["$defs"];
  const auto constraints = Compile(
      {.calls = AnswerOptions::Calls::kRequired, .tools = {MakeTool("look", document.dump())}});
  std::mt19937 random(2);
  for (int i = 0; i < 8; ++i) {
    const Walked walked = Walk(constraints, random);
    const text::Completion completion = Parse(walked.tokens);
    EXPECT_THAT(completion.problems, testing::IsEmpty()) << walked.text;
    EXPECT_EQ(completion.content, "");
    ASSERT_FALSE(completion.tool_calls.empty());
    for (const text::CompletedCall& call : completion.tool_calls) {
      EXPECT_TRUE(call.is_complete);
      EXPECT_EQ(FindBreach(document.dump(), call.arguments), "") << walked.text;
    }
  }
}

std::vector<int32_t> Encode(const std::string& text) {
  return Tokenizer().EncodePlain(text).value();
}

std::string Spell(const std::vector<int32_t>& tokens) { return Tokenizer().Decode(tokens).value(); }

AnswerOptions WithTools(AnswerOptions::Calls calls) {
  return {.calls = calls,
          .tools = {MakeTool("look", R"({"properties": {"at": {"type": "string"}},
                                         "required": ["at"]})"),
                    MakeTool("look_up", R"({"type": "object", "properties": {}})")}};
}

TEST(Constraint, ForcesTheOpeningOfARequiredCall) {
  AnswerConstraint constraint(Compile(WithTools(AnswerOptions::Calls::kRequired)));
  const std::vector<int32_t> forced = constraint.FindForced();
  const std::string opening = "\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"look";
  EXPECT_THAT(opening, testing::StartsWith(Spell(forced)));
  EXPECT_GT(Spell(forced).size(), opening.size() - 4);
  // The prompt that replays the answer is cut like this, too.
  std::vector<int32_t> whole = Tokenizer().EncodeRaw(opening).value();
  whole.resize(forced.size());
  EXPECT_EQ(forced, whole);
}

TEST(Constraint, LeavesTheTextBeforeACallFree) {
  AnswerConstraint constraint(Compile(WithTools(AnswerOptions::Calls::kAllowed)));
  const int32_t dsml = *Tokenizer().IdOf("｜DSML｜");
  EXPECT_TRUE(constraint.FindForced().empty());
  for (int32_t id = 0; id < 256; ++id) EXPECT_TRUE(AnswerConstraint(constraint).Accept(id));
  EXPECT_FALSE(constraint.Accept(dsml));
  for (const int32_t id : Encode("Well <")) constraint.Accept(id);
  EXPECT_TRUE(constraint.Accept(dsml));
  EXPECT_THAT("tool_calls>\n<", testing::StartsWith(Spell(constraint.FindForced()).substr(0, 13)));
  EXPECT_FALSE(constraint.Accept('x'));
}

TEST(Constraint, EndsReasoningBeforeTheAnswer) {
  AnswerOptions options = WithTools(AnswerOptions::Calls::kRequired);
  options.starts_in_reasoning = true;
  AnswerConstraint constraint(Compile(options));
  for (const int32_t id : Encode("Hm. <")) EXPECT_TRUE(constraint.Accept(id));
  EXPECT_FALSE(constraint.Accept(*Tokenizer().IdOf("｜DSML｜")));
  EXPECT_FALSE(constraint.Accept(*Tokenizer().IdOf("<｜end▁of▁sentence｜>")));
  EXPECT_TRUE(constraint.Accept(*Tokenizer().IdOf("</think>")));
  EXPECT_FALSE(constraint.FindForced().empty());
}

TEST(Constraint, BansCalls) {
  AnswerConstraint constraint(Compile({}));
  EXPECT_TRUE(constraint.Accept('<'));
  EXPECT_FALSE(constraint.Accept(*Tokenizer().IdOf("｜DSML｜")));
  EXPECT_TRUE(constraint.Accept(*Tokenizer().IdOf("<｜end▁of▁sentence｜>")));
  EXPECT_TRUE(constraint.is_over());
}

TEST(Constraint, CallsOnceWithoutParallelCalls) {
  AnswerOptions options = WithTools(AnswerOptions::Calls::kRequired);
  size_t most = 0;
  for (const bool parallel : {true, false}) {
    options.allows_parallel_calls = parallel;
    const auto constraints = Compile(options);
    std::mt19937 random(3);
    most = 0;
    for (int i = 0; i < 8; ++i)
      most = std::max(most, Parse(Walk(constraints, random).tokens).tool_calls.size());
    EXPECT_EQ(most > 1, parallel);
  }
}

// An object that lists properties has no others, and an empty list is a list.
TEST(Constraint, ClosesObjects) {
  const auto constraints = Compile(WithTools(AnswerOptions::Calls::kRequired));
  std::mt19937 random(4);
  for (int i = 0; i < 8; ++i) {
    for (const text::CompletedCall& call : Parse(Walk(constraints, random).tokens).tool_calls) {
      const json arguments = json::parse(call.arguments);
      EXPECT_EQ(arguments.size(), call.name == "look" ? 1 : 0);
      EXPECT_EQ(arguments.contains("at"), call.name == "look");
    }
  }
}

TEST(Constraint, NamesWhatCannotBe) {
  const auto error_of = [](const std::string& parameters) {
    return ErrorOf(
        {.calls = AnswerOptions::Calls::kAllowed, .tools = {MakeTool("look", parameters)}});
  };
  EXPECT_EQ(error_of(R"({"properties": {"a": {"$ref": "#/$defs/b"}}})"),
            "tools.look.parameters.properties.a.$ref: nothing is there");
  EXPECT_EQ(error_of(R"({"properties": {"a": false}, "required": ["a"]})"),
            "tools.look.parameters: no value satisfies the schema");
  EXPECT_EQ(error_of(R"({"properties": {"a": {"type": "text"}}})"),
            "tools.look.parameters.properties.a.type: \"text\" is no type");
  EXPECT_THAT(error_of(R"({"properties": {"a": {"$ref": "#/properties/a"}}})"),
              HasSubstr("references go around in a circle"));
  EXPECT_THAT(error_of(R"({"properties": {"a\"": {}}})"), HasSubstr("cannot be a name"));
  EXPECT_EQ(
      error_of(R"({"properties": {"a": {"type": "string", "minLength": 3, "maxLength": 2}}})"),
      "tools.look.parameters.properties.a.maxLength: less than minLength");
  const std::string long_name(100000, 'n');
  EXPECT_EQ(error_of(R"({"properties": {"a": {"properties": {")" + long_name +
                     R"(": {}}, "additionalProperties": true}}})"),
            "tools.look.parameters.properties.a.properties: a name of more than 512 bytes");
  EXPECT_EQ(error_of(R"({"properties": {"a": {"const": ")" + std::string(300000, 'x') + "\"}}}"),
            "tools: their schemas are too large");
}

TEST(Constraint, TellsWhatItDoesNotHold) {
  const auto constraints = Compile({.content = AnswerOptions::Content::kJsonSchema,
                                    .schema = Read(R"({"type": "array", "uniqueItems": true,
                                  "items": {"type": "integer", "multipleOf": 3}})")});
  EXPECT_THAT(constraints->unenforced(), ElementsAre("response_format.schema.uniqueItems",
                                                     "response_format.schema.items.multipleOf"));
}

}  // namespace
}  // namespace fathom::constraint
