// `fathom bench` from the outside: what it prints, counts, draws, skips and refuses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "checkpoint/test_files.h"
#include "program_checks.h"
#include "report_checks.h"

namespace fathom::tests {
namespace {

using checkpoint::ReadBytes;
using checkpoint::TemporaryFolder;
using checkpoint::WriteBytes;
using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

Arguments Bench(const Arguments& more) {
  Arguments arguments = {"bench",           "-m", NanoFlash(), "--prefill-tokens", "32",
                         "--decode-tokens", "3"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST(Bench, JsonHasCeilingsAndARowForEachContextAndBatch) {
  const Json json = Json::parse(
      RunWell(Bench({"--contexts", "64,300", "--batch", "1,2", "--threads", "2", "--json"})));
  EXPECT_THAT(KeysOf(json),
              ElementsAre("machine", "isa", "threads", "ceilings", "model", "large_pages", "rows"));
  EXPECT_EQ(json["threads"], 2);
  EXPECT_EQ(json["model"], NanoFlash());
  EXPECT_GE(json["large_pages"].get<double>(), 0);
  EXPECT_LE(json["large_pages"].get<double>(), 1);
  EXPECT_THAT(KeysOf(json["ceilings"]), ElementsAre("read_gb_s", "bf16_gmac_s", "int8_gmac_s"));
  for (const Json& ceiling : json["ceilings"]) EXPECT_GT(ceiling.get<double>(), 0.1);
  ASSERT_EQ(json["rows"].size(), 4u);
  for (const Json& row : json["rows"]) {
    EXPECT_THAT(KeysOf(row), ElementsAre("context", "batch", "prefill_tok_s", "decode_tok_s",
                                         "kv_bytes", "weight_bytes_per_token", "share_of_read",
                                         "share_of_bf16_prefill", "fill", "prefill_tokens",
                                         "kv_bytes_read", "barriers_per_step", "decode_ms"));
    for (const auto& [key, value] : row.items()) {
      if (value.is_number()) {
        EXPECT_GT(value.get<double>(), 0) << key;
      }
    }
    EXPECT_EQ(row["decode_ms"].size(), 3u);
  }
  EXPECT_EQ(json["rows"][1]["batch"], 2);
  EXPECT_EQ(json["rows"][2]["context"], 300);
  EXPECT_EQ(json["rows"][1]["kv_bytes"], 2 * json["rows"][0]["kv_bytes"].get<int64_t>());
}

TEST(Bench, CountsDoNotDependOnTheFill) {
  const auto measure = [](const std::string& fill) {
    const Json json = Json::parse(
        RunWell(Bench({"--contexts", "400", "--batch", "1", "--fill", fill, "--json"})));
    EXPECT_EQ(json["rows"][0]["fill"], fill);
    return json["rows"][0];
  };
  const Json random = measure("random");
  const Json prefill = measure("prefill");
  for (const char* count : {"kv_bytes", "kv_bytes_read", "weight_bytes_per_token"})
    EXPECT_EQ(random[count], prefill[count]) << count;
}

TEST(Bench, CsvHasTheColumnsOfTheRows) {
  const auto lines = Split(RunWell(Bench({"--contexts", "64,100", "--batch", "2", "--csv"})), '\n');
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0],
            "context,batch,prefill_tok_s,decode_tok_s,kv_bytes,weight_bytes_per_token,"
            "share_of_read,share_of_bf16_prefill");
  EXPECT_THAT(lines[1], StartsWith("64,2,"));
  EXPECT_THAT(lines[2], StartsWith("100,2,"));
  for (const std::string& line : {lines[1], lines[2]}) {
    const auto cells = Split(line, ',');
    EXPECT_EQ(cells.size(), 8u);
    for (const std::string& cell : cells) EXPECT_GT(std::stod(cell), 0) << line;
  }
}

TEST(Bench, TextBeginsWithTheCeilingsAndThePlotIsWellFormed) {
  TemporaryFolder folder;
  const std::string plot = folder / "speed.svg";
  const std::string text =
      RunWell(Bench({"--contexts", "64,300", "--batch", "1,2", "--plot", plot}));
  EXPECT_LT(text.find("memory read"), text.find("decode tok/s"));
  EXPECT_EQ(Split(text, '\n').size(), 4u + 1 + 2 + 4);
  const std::string svg = ReadBytes(plot);
  EXPECT_TRUE(IsWellFormed(svg)) << svg;
  for (const char* part : {"<svg xmlns=\"http://www.w3.org/2000/svg\"", ">batch 1<", ">batch 2<",
                           ">Decode, tokens a second, by context<"})
    EXPECT_THAT(svg, HasSubstr(part));
  EXPECT_FALSE(IsWellFormed(svg.substr(0, svg.size() - 8)));
}

TEST(Bench, ARowThatDoesNotFitIsSkippedAndTheOthersAreMeasured) {
  TemporaryFolder folder;
  for (const auto& entry : std::filesystem::directory_iterator(NanoFlash()))
    std::filesystem::create_symlink(entry.path(), folder / entry.path().filename().string());
  Json config = Json::parse(ReadBytes(NanoFlash() + "/config.json"));
  config["max_position_embeddings"] = 1'000'000'000;
  std::filesystem::remove(folder / "config.json");
  WriteBytes(folder / "config.json", config.dump());
  const Outcome outcome = RunProgram(
      {"bench", "-m", folder.path(), "--contexts", "1000000000,64", "--batch", "64,1", "--json"});
  EXPECT_EQ(outcome.exit_code, 0);
  const Json rows = Json::parse(outcome.out)["rows"];
  ASSERT_EQ(rows.size(), 4u);
  for (const size_t i : {0, 1}) {
    EXPECT_THAT(rows[i]["skipped"], HasSubstr(" GB of memory, "));
    EXPECT_TRUE(rows[i]["decode_tok_s"].is_null());
    EXPECT_GT(rows[i + 2]["decode_tok_s"].get<double>(), 0);
  }
  EXPECT_THAT(outcome.err, StartsWith("fathom: context 1,000,000,000, batch 64 is skipped: the "
                                      "caches need "));
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 2);
}

TEST(Bench, AttentionOnlyComparesModels) {
  TemporaryFolder folder;
  const std::string plot = folder / "attention.svg";
  const Json json = Json::parse(
      RunWell({"bench", "--attention-only", "--contexts", "64", "--json", "--plot", plot}));
  ASSERT_EQ(json["rows"].size(), 5u);
  std::vector<std::string> models;
  for (size_t i = 0; i < 5; ++i) models.push_back(json["rows"][i]["model"]);
  EXPECT_THAT(models, ElementsAre("V4-Flash", "V4-Pro", "V3.2", "GQA-8 as Flash", "GQA-8 as Pro"));
  for (const Json& row : json["rows"]) {
    EXPECT_THAT(KeysOf(row),
                ElementsAre("context", "model", "kv_bytes", "bytes_read", "gmac", "ms",
                            "share_of_read", "kv_of_v3.2", "gmac_of_v3.2", "ms_of_v3.2", "layers"));
    double ms = 0;
    for (const Json& layer : row["layers"])
      ms += layer["count"].get<double>() * layer["ms"].get<double>();
    EXPECT_NEAR(row["ms"].get<double>(), ms, 1e-9 * ms);
  }
  for (const char* ratio : {"kv_of_v3.2", "gmac_of_v3.2", "ms_of_v3.2"})
    EXPECT_EQ(json["rows"][2][ratio], 1.0);
  // 43 layers, each with 8 heads' keys and values of 128 BF16.
  EXPECT_EQ(json["rows"][3]["kv_bytes"], 43 * 64 * 4096);
  EXPECT_TRUE(IsWellFormed(ReadBytes(plot)));
}

TEST(Bench, SaysWhatIsWrong) {
  ExpectFailure(Bench({"--contexts", "3"}), 1, "--contexts: 3 leaves nothing before the 3 tokens");
  ExpectFailure(Bench({"--contexts", "64,999999999"}), 1,
                "--contexts: 999999999 is more than the model's context of ");
  for (const char* list : {"", "0", "64,", ",64", "64;128", "1e3", "64 128"})
    ExpectFailure(Bench({std::string("--contexts=") + list}), 2, "--contexts");
  ExpectFailure(Bench({"--batch", "5000"}), 2,
                "--batch: \"5000\" is not a list of integers from 1 to 4096");
  ExpectFailure(Bench({"--fill", "zero"}), 2, "--fill: \"zero\" is not random or prefill");
  ExpectFailure(Bench({"--json", "--csv"}), 2, "--json");
  ExpectFailure({"bench", "-m", "/no/such/model"}, 1, "/no/such/model/config.json");
  ExpectFailure(Bench({"--contexts", "64", "--plot", "/no/such/folder/x.svg"}), 1,
                "/no/such/folder/x.svg");
  ExpectFailure({"bench", "--attention-only", "--batch", "2"}, 2, "--attention-only");
}

}  // namespace
}  // namespace fathom::tests
