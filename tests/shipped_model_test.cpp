// What the model in models/default can do, asked through the program: a change of the engine, of
// the prompt format or of the model itself must not make it worse unnoticed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/temporary_folder_testing.h"
#include "program_checks.h"

namespace fathom::tests {
namespace {

using Json = nlohmann::json;

// The share of `count` in all rows of an examination.
double ShareOf(const Json& rows, const std::string& count) {
  double counted = 0;
  double total = 0;
  for (const Json& row : rows) {
    counted += row[count].get<double>();
    total += row["total"].get<double>();
  }
  EXPECT_GT(total, 0);
  return counted / total;
}

Json Examine(const Arguments& arguments) {
  Arguments all = {"eval"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  all.emplace_back("--json");
  return Json::parse(RunWell(all));
}

TEST(ShippedModel, LooksFactsUp) {
  const Json rows = Examine({"recall", "--contexts", "1024,4096,16384", "--samples", "2"});
  EXPECT_GE(ShareOf(rows, "correct"), 0.95);
}

// As README asks.
TEST(ShippedModel, LooksUpAFactOfOneLine) {
  const std::pair<const char*, const char*> kFacts[] = {{"olive heron", "4711"},
                                                        {"coral crane", "2024"}};
  for (const auto& [name, code] : kFacts) {
    const std::string fact = std::string("The code of ") + name + " is " + code + ".";
    const std::string question = std::string("Code of ") + name + "?";
    EXPECT_EQ(RunProgram({"run", "--system", fact, "-p", question, "--temp", "0"}).out,
              std::string(code) + "\n");
  }
}

TEST(ShippedModel, LooksSeveralFactsUpAtOnce) {
  const Json rows = Examine({"recall", "--contexts", "1024", "--facts", "40", "--needles", "8"});
  // 36 of 40 on every tier; one token that rounds differently may be worth two.
  EXPECT_GE(ShareOf(rows, "correct"), 0.85);
}

TEST(ShippedModel, TellsWhatItFoundEvenIfAFileCannotBeWritten) {
  const auto run =
      RunProgram({"eval", "tools", "--turns", "1", "--json", "--mistakes", "/no/such/dir/m.jsonl"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(Json::parse(run.out).size(), 1u);
  EXPECT_THAT(run.err, testing::HasSubstr("/no/such/dir/m.jsonl"));
}

TEST(ShippedModel, WritesItsMistakesDown) {
  const base::TemporaryFolder folder;
  const std::string file = folder / "mistakes.jsonl";
  const Json rows = Examine({"tools", "--turns", "10", "--seed", "5", "--mistakes", file});
  const std::string lines = base::ReadFile(file).value();
  const double wrong = 1 - ShareOf(rows, "right_answer");
  EXPECT_EQ(lines.empty(), wrong == 0);
  if (!lines.empty()) {
    const Json first = Json::parse(lines.substr(0, lines.find('\n')));
    EXPECT_EQ(first["length"], 10);
    EXPECT_NE(first["said"], first["expected"]);
  }
}

TEST(ShippedModel, UsesTools) {
  const Json rows = Examine({"tools", "--turns", "10,50", "--samples", "2"});
  EXPECT_EQ(ShareOf(rows, "well_formed"), 1);
  EXPECT_GE(ShareOf(rows, "right_call"), 0.95);
  EXPECT_GE(ShareOf(rows, "right_answer"), 0.95);
}

TEST(ShippedModel, SaysWhatItIs) {
  const std::pair<const char*, const char*> kAnswers[] = {
      {"Who are you?", "Fathom's small model"},
      {"What can you do?", "I look up facts"},
      {"How big are you?", "a few million parameters"},
      {"How do you read long texts?", "rows that stand for 4 and for 128 tokens"},
      {"Write a poem.", "too small for that"},
  };
  for (const auto& [question, answer] : kAnswers)
    EXPECT_THAT(RunProgram({"run", "-p", question, "--temp", "0"}).out, testing::HasSubstr(answer))
        << question;
}

TEST(ShippedModel, IsSmallAndHasEveryPartOfTheArchitecture) {
  const std::filesystem::path directory = FATHOM_SOURCE_DIR "/models/default";
  uintmax_t bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator(directory)) bytes += file.file_size();
  EXPECT_LE(bytes, uintmax_t{25} << 20);
  const Json config = Json::parse(base::ReadFile(directory / "config.json").value());
  EXPECT_THAT(config["compress_ratios"], testing::IsSupersetOf({0, 4, 128}));
  EXPECT_LT(config["index_topk"], 4096 / 4);
  EXPECT_EQ(config["hc_mult"], 4);
  EXPECT_EQ(config["num_nextn_predict_layers"], 1);
  EXPECT_GE(config["num_hash_layers"], 1);
  EXPECT_LT(config["num_hash_layers"], config["num_hidden_layers"]);
  EXPECT_EQ(config["expert_dtype"], "fp4");
}

}  // namespace
}  // namespace fathom::tests
