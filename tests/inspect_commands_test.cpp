// `fathom cost` and `fathom inspect` from the outside.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "checkpoint/test_files.h"
#include "program_checks.h"

namespace fathom::tests {
namespace {

using checkpoint::TemporaryFolder;
using checkpoint::WriteBytes;
using ::testing::AllOf;
using ::testing::HasSubstr;
using Json = nlohmann::json;

/// The cells of the table's row that begins with `label`, the `nth` of that name.
std::vector<std::string> Row(const std::string& table, const std::string& label, int nth = 0) {
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("  " + label + "  ") || nth-- > 0) continue;
    std::vector<std::string> cells;
    std::istringstream words(line.substr(label.size() + 2));
    for (std::string word; words >> word;)
      if (word == "%" || word == "GB")
        cells.back() += " " + word;
      else
        cells.push_back(word);
    return cells;
  }
  return {};
}

TEST(Cost, PrintsThePublishedFigures) {
  using testing::ElementsAre;
  const std::string table = RunWell({"cost"});
  EXPECT_THAT(table, HasSubstr("1,000,000 tokens"));
  EXPECT_THAT(Row(table, "total", 1), ElementsAre("116.73", "310.58", "1,148.14"));
  EXPECT_THAT(Row(table, "share of DeepSeek-V3.2"), ElementsAre("10.17 %", "27.05 %", "100.00 %"));
  EXPECT_THAT(Row(table, "bytes per token"), ElementsAre("3,514.2", "5,031.4", "48,068.0"));
  EXPECT_THAT(Row(table, "share of DeepSeek-V3.2", 1), ElementsAre("7.3 %", "10.5 %", "100.0 %"));
  EXPECT_THAT(Row(table, "share of BF16 GQA-8 of this depth"), ElementsAre("2.0 %", "2.0 %", "-"));
  EXPECT_EQ(RunWell({"cost", "--context", "1000000", "--model", "flash", "--model", "pro"}), table);
}

TEST(Cost, CountsWhatIsAskedFor) {
  const Json json =
      Json::parse(RunWell({"cost", "--json", "--context", "32768", "--model", "gqa8", "--model",
                           NanoFlash(), "--model", "v3.2", "--model", "gqa8"}));
  EXPECT_EQ(json["context"], 32768);
  const Json& models = json["models"];
  ASSERT_EQ(models.size(), 4u);
  EXPECT_EQ(models[0]["kv"]["bytes"], 43ll * 4096 * 32768);  // as deep as Flash
  EXPECT_FALSE(models[0].contains("decode"));
  EXPECT_EQ(models[1]["name"], NanoFlash());
  EXPECT_EQ(models[3]["kv"]["bytes"], 7ll * 4096 * 32768);  // as deep as nano-flash
  EXPECT_EQ(models[1]["kv"]["gqa8_bytes"], models[3]["kv"]["bytes"]);
  EXPECT_EQ(models[2]["decode"]["share_of_v3.2"], 1.0);
  double sum = 0;
  for (const Json& part : models[2]["decode"]["parts"]) sum += part["flops"].get<double>();
  EXPECT_DOUBLE_EQ(sum, models[2]["decode"]["flops"].get<double>());
  ExpectFailure({"cost", "--model", "no-such-model"}, 1, "no-such-model");
}

TEST(Inspect, ShowsADirectoryWithoutTokenizer) {
  const std::string text = RunWell({"inspect", NanoFlash()});
  EXPECT_THAT(text,
              AllOf(HasSubstr("  layers                7 and 1 for MTP\n"),
                    HasSubstr("  0, 1                  window; hash router\n"),
                    HasSubstr("  2                     CSA, 4 tokens a row; hash router\n"),
                    HasSubstr("  3, 5                  HCA, 128 tokens a row; scored router\n"),
                    HasSubstr("  7                     MTP: window; scored router\n"),
                    HasSubstr("no tokenizer.json")));
}

TEST(Inspect, PrintsJson) {
  const Json json = Json::parse(RunWell({"inspect", NanoFlash(), "--json", "--threads", "1"}));
  EXPECT_EQ(json["config"]["num_hidden_layers"], 7);
  ASSERT_EQ(json["layers"].size(), 8u);
  EXPECT_EQ(json["layers"][3], Json::parse(R"({"layer": 3, "attention": "HCA", "mtp": false,
                                              "compress_ratio": 128, "router": "scored"})"));
  EXPECT_FALSE(json["has_tokenizer"]);
  // 3 CSA layers of rows of 64 + 1 scale, padded to 72, + 2 x 64 and keys of 64 + 4; 2 HCA layers.
  EXPECT_DOUBLE_EQ(json["kv"]["published_bytes_per_token"].get<double>(),
                   3 * (200 + 68) / 4.0 + 2 * 200 / 128.0);
  EXPECT_EQ(json["kv"]["bytes_per_token"], json["kv"]["published_bytes_per_token"]);
  uint64_t in_place = 0;
  for (const Json& bytes : json["weights"]["in_place_bytes"]) in_place += bytes.get<uint64_t>();
  uint64_t files = 0;
  for (const char* shard : {"/model-00001-of-00002", "/model-00002-of-00002"})
    files += std::filesystem::file_size(NanoFlash() + shard + ".safetensors");
  EXPECT_LT(in_place, files);
  EXPECT_GT(in_place, files * 9 / 10);
}

TEST(Inspect, NamesTheTierInUse) {
  const Json json = Json::parse(
      RunWell({"inspect", RecallModel(), "--json"}, {.environment = {"FATHOM_ISA=portable"}}));
  EXPECT_EQ(json["isa"]["in_use"], "portable");
  EXPECT_EQ(json["isa"]["supported"].back(), "portable");
  EXPECT_TRUE(json["has_tokenizer"]);
  EXPECT_EQ(json["problems"], Json::array());
}

TEST(Inspect, ListsWhatIsOdd) {
  TemporaryFolder folder;
  for (const auto& entry : std::filesystem::directory_iterator(RecallModel()))
    std::filesystem::copy(entry.path(), folder / entry.path().filename().string());
  std::filesystem::remove(folder / "model.safetensors.index.json");
  const std::string header = R"({"odd": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})";
  WriteBytes(folder / "model-00002-of-00002.safetensors", checkpoint::MakeFile(header, "1234"));
  WriteBytes(folder / "tokenizer.json", "{");
  const Json json = Json::parse(RunWell({"inspect", folder.path(), "--json"}));
  EXPECT_EQ(json["weights"]["unknown_tensors"], Json::parse(R"(["odd"])"));
  ASSERT_EQ(json["problems"].size(), 2u);
  EXPECT_THAT(json["problems"][0].get<std::string>(), HasSubstr("\"odd\""));
  EXPECT_THAT(json["problems"][1].get<std::string>(), HasSubstr("/tokenizer.json"));
}

}  // namespace
}  // namespace fathom::tests
