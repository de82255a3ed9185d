// The checker says what the JSON Schema Test Suite says, and a few things beside it.
#include "constraint/schema_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

namespace fathom::constraint {
namespace {

text::Json ReadAny(const std::string& json_text) {
  return text::ReadJson(json_text, "test").value();
}

std::string FindIn(const std::string& schema_text, const std::string& value) {
  const text::Json schema = ReadAny(schema_text);
  return SchemaChecker({&schema, "s"}).FindViolation(ReadAny(value)).value_or("");
}

class SchemaSuite : public testing::TestWithParam<const char*> {};

// Not `refRemote` and `definitions`, which want schemas from elsewhere.
INSTANTIATE_TEST_SUITE_P(
    Constraint, SchemaSuite,
    testing::Values("additionalItems", "additionalProperties", "allOf", "anyOf", "boolean_schema",
                    "const", "contains", "default", "dependencies", "enum", "exclusiveMaximum",
                    "exclusiveMinimum", "if-then-else", "items", "maxItems", "maxLength",
                    "maxProperties", "maximum", "minItems", "minLength", "minProperties", "minimum",
                    "multipleOf", "not", "oneOf", "optional/bignum", "pattern", "patternProperties",
                    "properties", "propertyNames", "ref", "required", "type", "uniqueItems"));

// Of draft 7 as Debian has it. Drafts since then let keywords stand beside a reference, and this
// follows no address.
TEST_P(SchemaSuite, Agrees) {
  static const std::set<std::string> kElsewhere = {"ref overrides any sibling keywords",
                                                   "remote ref, containing refs itself",
                                                   "Recursive references between schemas"};
  std::ifstream file(std::string("/usr/share/json-schema-test-suite/tests/draft7/") + GetParam() +
                     ".json");
  ASSERT_TRUE(file) << "Debian's package json-schema-test-suite is missing";
  int tests = 0;
  for (const auto& group : nlohmann::json::parse(file)) {
    const std::string about = group["description"];
    if (kElsewhere.contains(about)) continue;
    for (const auto& test : group["tests"]) {
      const std::string found = FindIn(group["schema"].dump(), test["data"].dump());
      EXPECT_EQ(found.empty(), test["valid"].get<bool>())
          << about << ": " << test["description"] << "\n"
          << group["schema"] << "\n"
          << test["data"] << "\n"
          << found;
      ++tests;
    }
  }
  EXPECT_GT(tests, 0);
}

TEST(SchemaChecker, NamesTheKeyword) {
  EXPECT_EQ(
      FindIn(R"({"properties": {"a": {"items": {"multipleOf": 0.1}}}})", R"({"a": [0.3, 1]})"), "");
  EXPECT_EQ(
      FindIn(R"({"properties": {"a": {"items": {"multipleOf": 0.1}}}})", R"({"a": [0.3, 0.35]})"),
      "s.properties.a.items.multipleOf");
  EXPECT_EQ(
      FindIn(R"({"allOf": [true, {"$ref": "#/$defs/x"}], "$defs": {"x": {"type": "null"}}})", "1"),
      "s.$defs.x.type");
  EXPECT_EQ(FindIn(R"({"additionalProperties": false})", R"({"a": 1})"), "s.additionalProperties");
  EXPECT_EQ(FindIn(R"({"if": {"type": "string"}, "then": {"minLength": 2}})", R"("a")"),
            "s.then.minLength");
}

TEST(SchemaChecker, KnowsOtherDrafts) {
  EXPECT_EQ(FindIn(R"({"minimum": 1, "exclusiveMinimum": true})", "1"), "s.minimum");
  EXPECT_EQ(FindIn(R"({"type": "string", "nullable": true})", "null"), "");
  EXPECT_EQ(FindIn(R"({"prefixItems": [{"type": "null"}], "items": {"type": "string"}})",
                   R"([null, "a", 1])"),
            "s.items.type");
  EXPECT_EQ(FindIn(R"({"dependentRequired": {"a": ["b"]}})", R"({"a": 1})"), "s.dependentRequired");
  EXPECT_EQ(FindIn(R"({"dependentSchemas": {"a": {"maxProperties": 1}}})", R"({"a": 1, "b": 1})"),
            "s.dependentSchemas.a.maxProperties");
  EXPECT_EQ(FindIn(R"({"contains": {"const": 1}, "minContains": 0, "maxContains": 1})", "[]"), "");
  EXPECT_EQ(FindIn(R"({"contains": {"const": 1}, "maxContains": 1})", "[1, 2, 1.0]"),
            "s.maxContains");
  EXPECT_EQ(FindIn(R"({"$ref": "#/$defs/x", "minimum": 2, "$defs": {"x": {}}})", "1"), "s.minimum");
}

TEST(SchemaChecker, ReadsPatternsAsEcmaDoes) {
  EXPECT_EQ(FindIn(R"({"pattern": "^\\s$"})", R"("\u3000")"), "");
  EXPECT_EQ(FindIn(R"({"pattern": "^.$"})", R"("\u2028")"), "s.pattern");
  EXPECT_EQ(FindIn(R"({"pattern": "^a$"})", R"("a\n")"), "s.pattern");
  EXPECT_EQ(FindIn(R"({"pattern": "^(?!ab)\\u{61}"})", R"("ab")"), "s.pattern");
  EXPECT_EQ(FindIn(R"({"pattern": "^(?!ab)\\u{61}"})", R"("ac")"), "");
  EXPECT_EQ(FindIn("{\"pattern\": \"(*UTF)\"}", "\"a\""), "") << "what cannot be read says nothing";
}

// A schema may ask for more than anybody can find out.
TEST(SchemaChecker, GivesUp) {
  EXPECT_EQ(FindIn(R"({"$ref": "#"})", "1"), "");
  EXPECT_EQ(FindIn(R"({"not": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}, {"$ref": "#"}]}})", "1"),
            "");
  EXPECT_EQ(FindIn(R"({"pattern": "(a+)+$"})", "\"" + std::string(60, 'a') + "b\""), "");
  std::string items = "0";
  for (int i = 1; i < 20000; ++i) items += "," + std::to_string(i);
  EXPECT_EQ(FindIn(R"({"uniqueItems": true})", "[" + items + "]"), "");
}

}  // namespace
}  // namespace fathom::constraint
