#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "data/words.h"
#include "evaluate/heat_map.h"
#include "evaluate/perplexity.h"
#include "evaluate/recall_eval.h"
#include "evaluate/tools_eval.h"

namespace fathom::evaluate {
namespace {

const std::string kModel = std::string(FATHOM_SOURCE_DIR) + "/tests/models/recall";

Examinee OpenModel() {
  auto examinee = Examinee::Open(kModel, {.threads = 2});
  EXPECT_TRUE(examinee.ok()) << examinee.error().message;
  return std::move(examinee).value();
}

// The bundled model looks facts up in short texts.
TEST(RecallEvalTest, CountsByDepth) {
  Examinee examinee = OpenModel();
  const RecallEvalOptions options = {.contexts = {768}, .samples = 2, .facts = 10, .seed = 3};
  int64_t last = 0;
  int64_t mistakes = 0;
  const auto watch_progress = [&](int64_t done, int64_t total) {
    EXPECT_EQ(total, 20);
    last = done;
  };
  const auto watch_mistakes = [&](const Mistake& mistake) {
    EXPECT_EQ(mistake.length, 768);
    EXPECT_THAT(mistake.question, ::testing::StartsWith("Code of "));
    EXPECT_NE(mistake.said, mistake.expected);
    ++mistakes;
  };
  const auto rows = EvaluateRecall(examinee, options,
                                   {.on_progress = watch_progress, .on_mistake = watch_mistakes});
  ASSERT_TRUE(rows.ok()) << rows.error().message;
  EXPECT_EQ(last, 20);
  int64_t correct = 0, total = 0;
  double depth = -1;
  for (const RecallRow& row : *rows) {
    EXPECT_GT(row.depth, depth);
    depth = row.depth;
    correct += row.correct;
    total += row.total;
  }
  EXPECT_EQ(total, 20);
  EXPECT_GE(correct, 15);
  EXPECT_EQ(mistakes, total - correct);
}

// Asked for four at once it makes mistakes, which tell the names.
TEST(RecallEvalTest, AsksForInventedNames) {
  Examinee examinee = OpenModel();
  std::string asked;
  const auto rows = EvaluateRecall(
      examinee, {.contexts = {768}, .facts = 8, .needles = 4, .invented = true},
      {.on_progress = {}, .on_mistake = [&](const Mistake& m) { asked += m.question + "\n"; }});
  ASSERT_TRUE(rows.ok()) << rows.error().message;
  ASSERT_NE(asked, "");
  for (const std::string_view word : data::kWords)
    EXPECT_EQ(asked.find(" " + std::string(word) + " "), asked.npos) << asked;
}

// It was never shown a tool.
TEST(ToolsEvalTest, SaysWhatWasWrong) {
  Examinee examinee = OpenModel();
  std::vector<Mistake> mistakes;
  const auto rows = EvaluateTools(
      examinee, {.turns = {2}},
      {.on_progress = {}, .on_mistake = [&](const Mistake& m) { mistakes.push_back(m); }});
  ASSERT_TRUE(rows.ok()) << rows.error().message;
  EXPECT_EQ((*rows)[0].right_answer + (*rows)[1].right_answer, 0);
  ASSERT_GE(mistakes.size(), 2u);
  EXPECT_EQ(mistakes[0].length, 2);
  EXPECT_EQ(mistakes[0].place, 1);
  EXPECT_THAT(mistakes[0].expected, ::testing::MatchesRegex("[a-z_]+\\(\\{.*\\}\\)(\n.*)*"));
  EXPECT_NE(mistakes[0].question, "");
}

TEST(RecallEvalTest, RefusesWhatDoesNotFit) {
  Examinee examinee = OpenModel();
  const auto tiny = EvaluateRecall(examinee, {.contexts = {64}, .facts = 40}, {});
  ASSERT_FALSE(tiny.ok());
  EXPECT_EQ(tiny.error().message, "a context of 64 tokens: 40 facts take more than 48 tokens");
  const auto many = EvaluateRecall(examinee, {.facts = 4, .needles = 8}, {});
  ASSERT_FALSE(many.ok());
  EXPECT_THAT(many.error().message, ::testing::HasSubstr("8 needles"));
}

TEST(PerplexityTest, IsLowerForWhatWasLearnt) {
  base::ThreadPool pool(2);
  const auto known = MeasurePerplexity(kModel, {"The code of saddle amber is 1729.\n"}, pool);
  const auto unknown = MeasurePerplexity(kModel, {"ZQXJ#KV WQZ!PTRX&YY JQKX %%~"}, pool);
  ASSERT_TRUE(known.ok()) << known.error().message;
  ASSERT_TRUE(unknown.ok());
  EXPECT_LT(known->perplexity, 0.5 * unknown->perplexity);
  EXPECT_FALSE(MeasurePerplexity(kModel, {""}, pool).ok());
}

TEST(HeatMapTest, ShowsEveryCell) {
  const std::string svg = DrawHeatMap({.title = "a < b & c",
                                       .column_title = "tokens",
                                       .row_title = "depth",
                                       .columns = {"1K", "4K"},
                                       .rows = {"0 %"},
                                       .shares = {{0.25, -1}}});
  EXPECT_THAT(svg, ::testing::HasSubstr("a &lt; b &amp; c"));
  EXPECT_THAT(svg, ::testing::HasSubstr(">25</text>"));
  EXPECT_THAT(svg, ::testing::HasSubstr("#eeeeee"));
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
}

}  // namespace
}  // namespace fathom::evaluate
