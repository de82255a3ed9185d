// Options that were written down are the same options.
#include "constraint/answer_options_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "constraint/described_constraints.h"

namespace fathom::constraint {
namespace {

using testing::HasSubstr;
using text::Json;

Json ReadValue(const std::string& json) { return text::ReadJson(json, "test").value(); }

TEST(AnswerOptionsJson, ReadsWhatIsPrinted) {
  AnswerOptions options;
  options.starts_in_reasoning = true;
  options.content = AnswerOptions::Content::kJsonSchema;
  options.schema =
      ReadValue(R"({"type": "integer", "maximum": 12345678901234567890123, "b": 1, "a": 2})");
  options.schema_path = "response_format.json_schema.schema";
  options.calls = AnswerOptions::Calls::kRequired;
  options.tools = {ReadValue(R"({"name": "a", "parameters": {"type": "object"}})")};
  options.allows_parallel_calls = false;
  const std::string printed = PrintAnswerOptions(options);
  EXPECT_EQ(PrintAnswerOptions(ReadAnswerOptions(printed).value()), printed);
  EXPECT_THAT(printed, HasSubstr("12345678901234567890123, \"b\": 1, \"a\": 2"));
  EXPECT_NE(printed, PrintAnswerOptions({}));
}

TEST(AnswerOptionsJson, NamesTheFieldThatIsWrong) {
  const std::string right = PrintAnswerOptions({});
  const struct {
    std::string from, to, message;
  } cases[] = {
      {"{", "[", "constraint: byte"},
      {"\"text\"", "\"prose\"", "constraint.content: unknown \"prose\""},
      {"\"none\"", "7", "constraint.calls: expected a string"},
      {"\"tools\": []", "\"tools\": {}", "constraint.tools: expected a list"},
      {"\"allows_parallel_calls\": true", "\"x\": 1", "constraint.allows_parallel_calls: missing"}};
  for (const auto& [from, to, message] : cases) {
    std::string wrong = right;
    ASSERT_NE(wrong.find(from), std::string::npos) << right;
    wrong.replace(wrong.find(from), from.size(), to);
    const auto options = ReadAnswerOptions(wrong);
    ASSERT_FALSE(options.ok()) << wrong;
    EXPECT_THAT(options.error().message, HasSubstr(message));
  }
}

TEST(DescribedConstraints, AreTheOnesThatWereDescribed) {
  DescribedConstraints constraints(std::string(FATHOM_SOURCE_DIR) + "/tests/models/recall");
  AnswerOptions options;
  options.content = AnswerOptions::Content::kJsonSchema;
  options.schema = ReadValue(R"({"enum": ["only this"]})");
  const std::string description = PrintAnswerOptions(options);
  const auto constraint = constraints.Make(description).value();
  EXPECT_EQ(constraint->Describe(), description);
  EXPECT_FALSE(constraint->FindForced().empty());
  EXPECT_FALSE(constraints.Make("{}").ok());
  EXPECT_THAT(DescribedConstraints("/nowhere").Make(description).error().message,
              HasSubstr("/nowhere/tokenizer.json"));
}

}  // namespace
}  // namespace fathom::constraint
