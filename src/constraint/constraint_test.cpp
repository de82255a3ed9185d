// Whatever is drawn among the tokens that may come, the answer is well formed: random walks through
// many schemas, read back by the completion parser and checked by another reading of the schemas.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "constraint/answer_constraint.h"
#include "text/completion_parser.h"
#include "text/utf8.h"

namespace fathom::constraint {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

// Bytes, and merges of what calls and JSON are made of, so that tokens span the borders of rules.
std::string MakeTokenizerJson() {
  std::ifstream file(std::string(FATHOM_SOURCE_DIR) + "/tests/models/recall/tokenizer.json");
  json tokenizer = json::parse(file);
  json& vocab = tokenizer["model"]["vocab"];
  json merges = json::array();
  int id = 1000;
  for (const char* word : {"\",",      "\":",  "\"}",   "],",           "}}",      "[[",
                           "]]",       "{\"",  "[{",    "false",        "true",    "null",
                           "inv",      "oke",  "param", "eter",         "tool",    "_calls",
                           ">\u010a",  "\">",  "</",    "\u010a\u010a", "\u010a<", "\u010a\u010a<",
                           "\u010a</", "name", "=\"",   "12",           "34",      "00",
                           "ab",       "ba",   "aab",   "\u0120\"",     ":\u0120", ",\u0120",
                           "ab\",",    "b\"}", "\\\"",  "\\n",          "e5",      "1e",
                           ".5",       "-1"}) {
    // Left to right, one character more each time.
    const std::string text = word;
    std::vector<std::string> characters;
    for (size_t at = 0; at < text.size();) {
      const size_t length = text::CharacterLength(text, at);
      characters.push_back(text.substr(at, length));
      at += length;
    }
    std::string left = characters[0];
    for (size_t i = 1; i < characters.size(); ++i) {
      const std::string joined = left + characters[i];
      if (!vocab.contains(joined)) {
        vocab[joined] = id++;
        merges.push_back(left + " " + characters[i]);
      }
      left = joined;
    }
  }
  tokenizer["model"]["merges"] = merges;
  return tokenizer.dump();
}

const text::Tokenizer& Tokenizer() {
  static const text::Tokenizer kTokenizer =
      text::Tokenizer::FromJson(MakeTokenizerJson(), "test").value();
  return kTokenizer;
}

std::shared_ptr<const ConstraintVocabulary> Vocabulary() {
  static const auto kVocabulary = ConstraintVocabulary::Make(Tokenizer()).value();
  return kVocabulary;
}

text::Json Read(const std::string& json_text) { return text::ReadJson(json_text, "test").value(); }

text::Json MakeTool(const std::string& name, const std::string& parameters) {
  return Read(R"({"name": ")" + name + R"(", "parameters": )" + parameters + "}");
}

std::shared_ptr<AnswerConstraints> Compile(const AnswerOptions& options) {
  auto made = AnswerConstraints::Make(Vocabulary(), options);
  if (!made.ok()) throw std::runtime_error(made.error().message);
  return *made;
}

std::string ErrorOf(const AnswerOptions& options) {
  const auto made = AnswerConstraints::Make(Vocabulary(), options);
  return made.ok() ? "" : made.error().message;
}

std::vector<int32_t> ListAllowed(AnswerConstraint& constraint) {
  std::vector<uint64_t> mask(CountMaskWords(Tokenizer().vocab_size()));
  constraint.Fill(mask);
  std::vector<int32_t> allowed;
  for (int32_t id = 0; id < Tokenizer().vocab_size(); ++id)
    if ((mask[static_cast<size_t>(id) / 64] >> (id % 64) & 1) != 0) allowed.push_back(id);
  return allowed;
}

// The mask is what trying every token gives.
void ExpectExactMask(AnswerConstraint& constraint) {
  std::vector<int32_t> accepted;
  for (int32_t id = 0; id < Tokenizer().vocab_size(); ++id) {
    if (constraint.Allows(id)) accepted.push_back(id);
  }
  EXPECT_EQ(ListAllowed(constraint), accepted);
}

// What has to come may come, and is what the tokenizer makes of it.
void ExpectForcedFollows(const AnswerConstraint& constraint) {
  AnswerConstraint copy = constraint;
  for (const int32_t id : copy.FindForced()) EXPECT_TRUE(copy.Accept(id));
}

struct Walked {
  std::vector<int32_t> tokens;
  std::string text;  // without the end of the sentence
};

// Draws until the answer is over. Tokens that close something are preferred after a while: a draw
// among all of them would write strings of a thousand characters.
Walked Walk(const std::shared_ptr<AnswerConstraints>& constraints, std::mt19937& random) {
  AnswerConstraint constraint(constraints);
  Walked walked;
  const std::string closers = "\"<]}/>";
  while (!constraint.is_over()) {
    if (random() % 32 == 0) ExpectExactMask(constraint);
    if (random() % 64 == 0) ExpectForcedFollows(constraint);
    const std::vector<int32_t> allowed = ListAllowed(constraint);
    if (allowed.empty()) {
      ADD_FAILURE() << "nothing may follow " << walked.text;
      return walked;
    }
    std::vector<int32_t> closing;
    for (const int32_t id : allowed) {
      if (Tokenizer().IsAdded(id) || closers.find(Tokenizer().BytesOf(id)[0]) != closers.npos)
        closing.push_back(id);
    }
    const bool closes = !closing.empty() && random() % 4 != 0;
    const auto& from = closes ? closing : allowed;
    const int32_t id = from[random() % from.size()];
    EXPECT_TRUE(constraint.Accept(id)) << walked.text << " + " << Tokenizer().BytesOf(id);
    walked.tokens.push_back(id);
    if (!constraint.is_over()) walked.text += Tokenizer().BytesOf(id);
    if (walked.tokens.size() > 20000) {
      ADD_FAILURE() << "no end";
      return walked;
    }
  }
  return walked;
}

// A second reading of JSON Schema, which knows what the schemas below use.
class Checker {
 public:
  explicit Checker(const json& document) : document_(document) {}

  bool Holds(const json& schema, const json& value) const {
    if (schema.is_boolean()) return schema.get<bool>();
    if (schema.contains("$ref")) {
      const std::string pointer = schema["$ref"].get<std::string>().substr(1);
      if (!Holds(document_.at(json::json_pointer(pointer)), value)) return false;
    }
    if (schema.contains("const") && schema["const"] != value) return false;
    if (schema.contains("enum") && !Contains(schema["enum"], value)) return false;
    return HoldsGroups(schema, value) && HoldsType(schema, value) && HoldsObject(schema, value) &&
           HoldsArray(schema, value) && HoldsScalar(schema, value);
  }

 private:
  static bool Contains(const json& list, const json& value) {
    return std::find(list.begin(), list.end(), value) != list.end();
  }

  bool HoldsGroups(const json& schema, const json& value) const {
    const auto holds = [&](const json& part) { return Holds(part, value); };
    const json none = json::array();
    const json all = schema.value("allOf", none);
    if (!std::all_of(all.begin(), all.end(), holds)) return false;
    for (const char* key : {"anyOf", "oneOf"}) {
      if (!schema.contains(key)) continue;
      if (std::none_of(schema[key].begin(), schema[key].end(), holds)) return false;
    }
    return true;
  }

  static bool HasType(const std::string& type, const json& value) {
    if (type == "integer") return value.is_number_integer();
    if (type == "number") return value.is_number();
    return type == value.type_name();
  }

  static bool HoldsType(const json& schema, const json& value) {
    if (!schema.contains("type")) return true;
    if (schema.value("nullable", false) && value.is_null()) return true;
    const json& type = schema["type"];
    if (type.is_string()) return HasType(type, value);
    return std::any_of(type.begin(), type.end(),
                       [&](const json& one) { return HasType(one, value); });
  }

  bool HoldsObject(const json& schema, const json& value) const {
    if (!value.is_object()) return true;
    for (const json& key : schema.value("required", json::array()))
      if (!value.contains(key)) return false;
    const json properties = schema.value("properties", json::object());
    for (const auto& [key, member] : value.items()) {
      if (properties.contains(key)) {
        if (!Holds(properties[key], member)) return false;
      } else if (schema.contains("additionalProperties")) {
        if (!Holds(schema["additionalProperties"], member)) return false;
      }
    }
    return true;
  }

  bool HoldsArray(const json& schema, const json& value) const {
    if (!value.is_array()) return true;
    if (value.size() < schema.value("minItems", size_t{0})) return false;
    if (value.size() > schema.value("maxItems", SIZE_MAX)) return false;
    if (!schema.contains("items")) return true;
    return std::all_of(value.begin(), value.end(),
                       [&](const json& item) { return Holds(schema["items"], item); });
  }

  static bool HoldsScalar(const json& schema, const json& value) {
    if (value.is_number()) {
      const auto number = value.get<long double>();
      if (schema.contains("minimum") && number < schema["minimum"].get<long double>()) return false;
      if (schema.contains("maximum") && number > schema["maximum"].get<long double>()) return false;
      if (schema.contains("exclusiveMinimum") &&
          number <= schema["exclusiveMinimum"].get<long double>())
        return false;
      return !schema.contains("exclusiveMaximum") ||
             number < schema["exclusiveMaximum"].get<long double>();
    }
    if (!value.is_string()) return true;
    const std::string& text = value.get_ref<const std::string&>();
    const auto length = static_cast<size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) >> 6) != 2; }));
    return length >= schema.value("minLength", size_t{0}) &&
           length <= schema.value("maxLength", SIZE_MAX);
  }

  const json& document_;
};

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
        "oneOf": [{"required": ["a"]}, {"required": ["b"]}]})",
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
  const json schema = json::parse(GetParam());
  std::mt19937 random(1);
  for (int i = 0; i < 20; ++i) {
    const Walked walked = Walk(constraints, random);
    const json value = json::parse(walked.text, nullptr, false);
    ASSERT_FALSE(value.is_discarded()) << walked.text;
    EXPECT_TRUE(Checker(schema).Holds(schema, value)) << walked.text;
  }
}

text::Completion Parse(const std::vector<int32_t>& tokens) {
  text::CompletionParser parser;
  for (const int32_t id : tokens) {
    parser.Feed(Tokenizer().BytesOf(id),
                Tokenizer().IsAdded(id) ? text::Origin::kSpecialToken : text::Origin::kPlainTokens);
  }
  parser.Finish();
  return parser.completion();
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
      const json arguments = json::parse(call.arguments, nullptr, false);
      EXPECT_TRUE(Checker(document).Holds(document, arguments)) << walked.text;
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
