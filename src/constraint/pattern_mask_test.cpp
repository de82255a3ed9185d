// In each state of strings with patterns and lengths the mask is what trying every token gives.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "constraint/constraint_testing.h"
#include "text/protocol_strings.h"

namespace fathom::constraint {
namespace {

using nlohmann::json;

// Some find many classes of tokens, some none because few characters may come.
const char* const kPatterns[] = {
    "(todo|fixme)",
    "^[a-z]+( [a-z]+)*$",
    R"(^/.*\.(py|js)$)",
    R"(^[^\s@]+@[^\s@]+$)",
    "b\"<?é中$",
    "^[^<]*<[^<]*$",
    R"(^(\S\n?)+$)",
    "^(ab)*$",
    "^[a-b]{1,60}$",
    R"(^(\w+ ){1,9}\w+$)",
    "^(a|bb[^c]*c)$",
    R"(^[a-z0-9.-]{1,64}@[a-z0-9.-]+\.[a-z]{2,}$)",
    "^[a-z]+(-[a-z]+){0,30}$",
    R"(^(\*|[0-5]?[0-9]) (\*|[0-9]) .*$)",
    "^(a|b|ab c|é)*(, ?.*)?$",
    ".{0,20}ab",
    "^([a-z]{1,3}[ /]{1,2}){1,20}$",
};

json MakeSchema(std::mt19937& random) {
  json schema = {{"type", "string"}, {"pattern", kPatterns[random() % std::size(kPatterns)]}};
  if (random() % 2 == 0) schema["minLength"] = random() % 12;
  if (random() % 2 == 0) schema["maxLength"] = 12 + random() % 12;
  return schema;
}

// Draws letters rather than what ends the string, so that it comes to its bounds.
void ExpectExactMasks(const AnswerOptions& options, std::mt19937& random) {
  AnswerConstraint constraint(Compile(options));
  for (int step = 0; step < 60 && !constraint.is_over(); ++step) {
    ExpectExactMask(constraint);
    if (testing::Test::HasFailure()) return;
    const std::vector<int32_t> allowed = ListAllowed(constraint);
    ASSERT_FALSE(allowed.empty());
    std::vector<int32_t> wanted;
    for (const int32_t id : allowed)
      if (std::string("ab t/").find(Tokenizer().BytesOf(id)[0]) != std::string::npos)
        wanted.push_back(id);
    const auto& from = wanted.empty() || random() % 3 == 0 ? allowed : wanted;
    constraint.Accept(from[random() % from.size()]);
  }
}

TEST(PatternMask, IsExactInJson) {
  std::mt19937 random(21);
  for (int i = 0; i < 150; ++i) {
    const json schema = MakeSchema(random);
    SCOPED_TRACE(schema.dump());
    ExpectExactMasks(
        {.content = AnswerOptions::Content::kJsonSchema, .schema = Read(schema.dump())}, random);
  }
}

TEST(PatternMask, IsExactInParameters) {
  std::mt19937 random(22);
  for (int i = 0; i < 150; ++i) {
    json parameters = {{"type", "object"}, {"required", {"p"}}};
    parameters["properties"]["p"] = MakeSchema(random);
    SCOPED_TRACE(parameters.dump());
    ExpectExactMasks({.calls = AnswerOptions::Calls::kRequired,
                      .tools = {MakeTool("f", parameters.dump())},
                      .allows_parallel_calls = false},
                     random);
  }
}

}  // namespace
}  // namespace fathom::constraint
