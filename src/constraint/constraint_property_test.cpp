// Of schemas by chance: whatever walks through the masks satisfies them, and whatever satisfies
// them can be walked.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "constraint/constraint_testing.h"
#include "constraint/random_schema_testing.h"
#include "text/protocol_strings.h"

namespace fathom::constraint {
namespace {

using nlohmann::json;

constexpr int kSchemaCount = 200;

AnswerOptions AsContent(const json& schema) {
  return {.content = AnswerOptions::Content::kJsonSchema, .schema = Read(schema.dump())};
}

// As the only parameter of a tool.
json AsParameters(const DrawnSchema& drawn) {
  json parameters = {{"type", "object"}, {"required", {"p"}}, {"$defs", drawn.schema["$defs"]}};
  parameters["properties"]["p"] = drawn.schema;
  parameters["properties"]["p"].erase("$defs");
  return parameters;
}

AnswerOptions AsTool(const json& parameters) {
  return {.calls = AnswerOptions::Calls::kRequired,
          .tools = {MakeTool("f", parameters.dump())},
          .allows_parallel_calls = false};
}

TEST(ConstraintProperty, WhatIsDrawnSatisfies) {
  Random random(11);
  int held = 0;
  for (int i = 0; i < kSchemaCount; ++i) {
    const DrawnSchema drawn = DrawSchema(random, 3);
    const auto constraints = Compile(AsContent(drawn.schema));
    if (!constraints->unenforced().empty()) continue;
    ++held;
    for (int walk = 0; walk < 2; ++walk) {
      const Walked walked = Walk(constraints, random);
      EXPECT_EQ(FindBreach(drawn.schema.dump(), walked.text), "") << drawn.schema << "\n"
                                                                  << walked.text;
    }
  }
  EXPECT_GT(held, kSchemaCount * 9 / 10) << "few have patterns with too many states";
}

TEST(ConstraintProperty, CallsThatAreDrawnSatisfy) {
  Random random(12);
  for (int i = 0; i < kSchemaCount; ++i) {
    const json parameters = AsParameters(DrawSchema(random, 2));
    const auto constraints = Compile(AsTool(parameters));
    if (!constraints->unenforced().empty()) continue;
    const Walked walked = Walk(constraints, random);
    const text::Completion completion = Parse(walked.tokens);
    ASSERT_EQ(completion.tool_calls.size(), 1u) << walked.text;
    EXPECT_EQ(FindBreach(parameters.dump(), completion.tool_calls[0].arguments), "")
        << parameters << "\n"
        << walked.text;
  }
}

// Cuts the text into tokens by chance and takes them one by one. The text up to what was refused,
// or all of it.
std::string TakeByChance(AnswerConstraint constraint, const std::string& text, Random& random) {
  size_t at = 0;
  while (at < text.size()) {
    std::vector<int32_t> tokens;
    for (int32_t id = 0; id < Tokenizer().vocab_size(); ++id) {
      if (!Tokenizer().Has(id)) continue;
      const std::string_view bytes = Tokenizer().BytesOf(id);
      if (!bytes.empty() && text.compare(at, bytes.size(), bytes) == 0) tokens.push_back(id);
    }
    std::vector<int32_t> special;
    for (const int32_t id : tokens)
      if (Tokenizer().IsAdded(id)) special.push_back(id);
    const std::vector<int32_t>& from = special.empty() ? tokens : special;
    const int32_t id = from[random() % from.size()];
    if (!constraint.Accept(id)) return text.substr(0, at);
    at += Tokenizer().BytesOf(id).size();
  }
  return constraint.Accept(*Tokenizer().IdOf(text::kEndOfSentence)) ? text : text + " and no end";
}

// As json.dumps writes it, with the keys in any order.
std::string Print(const json& value) { return PrintJson(Read(value.dump())); }

TEST(ConstraintProperty, WhatSatisfiesCanBeDrawn) {
  Random random(13);
  for (int i = 0; i < kSchemaCount; ++i) {
    const DrawnSchema drawn = DrawSchema(random, 3);
    const auto constraints = Compile(AsContent(drawn.schema));
    for (int nth = 0; nth < 5; ++nth) {
      const std::string text = Print(drawn.draw_value(random));
      ASSERT_EQ(FindBreach(drawn.schema.dump(), text), "") << drawn.schema << "\n" << text;
      EXPECT_EQ(TakeByChance(AnswerConstraint(constraints), text, random), text) << drawn.schema;
    }
  }
}

TEST(ConstraintProperty, CallsThatSatisfyCanBeDrawn) {
  Random random(14);
  for (int i = 0; i < kSchemaCount; ++i) {
    const DrawnSchema drawn = DrawSchema(random, 2);
    const json value = drawn.draw_value(random);
    const std::string spelled = value.is_string() ? value.get<std::string>() : Print(value);
    const std::string text =
        "\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"p\" "
        "string=\"" +
        std::string(value.is_string() ? "true" : "false") + "\">" + spelled +
        "</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>";
    const auto constraints = Compile(AsTool(AsParameters(drawn)));
    EXPECT_EQ(TakeByChance(AnswerConstraint(constraints), text, random), text) << drawn.schema;
  }
}

}  // namespace
}  // namespace fathom::constraint
