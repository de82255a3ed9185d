// `fathom logits` and `fathom synth` from the outside.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "checkpoint/test_files.h"
#include "golden_file.h"
#include "program_checks.h"

namespace fathom::tests {
namespace {

using checkpoint::ReadBytes;
using checkpoint::TemporaryFolder;
using checkpoint::WriteBytes;
using Json = nlohmann::json;

/// The golden's input ids as text.
std::string GoldenIds(const GoldenFile& golden) {
  std::string text;
  for (const int32_t id : golden.Get<int32_t>("input_ids")) text += std::to_string(id) + " ";
  return text;
}

TEST(Logits, AreTheSameBytesForAnyChunkAndThreads) {
  TemporaryFolder folder;
  const GoldenFile golden(NanoFlash() + "/expected.safetensors");
  WriteBytes(folder / "ids", GoldenIds(golden));
  std::string first;
  for (const auto& [chunk, threads] : {std::pair("512", "2"), {"7", "1"}, {"1", "2"}}) {
    SCOPED_TRACE(chunk);
    EXPECT_EQ(
        RunWell({"logits", "-m", NanoFlash(), "--ids", folder / "ids", "--out", folder / "out",
                 "--mtp", "--hidden", "--chunk", chunk, "--threads", threads}),
        "");
    const std::string bytes = ReadBytes(folder / "out");
    if (first.empty()) first = bytes;
    EXPECT_TRUE(bytes == first);
  }
  const GoldenFile out(folder / "out");
  const int64_t tokens = golden.ShapeOf("input_ids")[0];
  EXPECT_EQ(out.ShapeOf("logits"), (tensor::Shape{tokens, 256}));
  EXPECT_EQ(out.ShapeOf("mtp_logits"), (tensor::Shape{tokens - 1, 256}));
  for (int layer = 0; layer < 7; ++layer) {
    const std::string name = fmt::format("layers.{}.hidden", layer);
    EXPECT_EQ(out.ShapeOf(name), (tensor::Shape{tokens, 4, 128}));
  }
  EXPECT_FALSE(out.Has("layers.7.hidden"));
  // What a random model computes may drift from the golden; its first layers hardly do.
  const auto hidden = out.Get<float>("layers.0.hidden");
  const auto expected = golden.Get<float>("layers.0.hidden");
  ASSERT_EQ(hidden.size(), expected.size());
  EXPECT_LE(RelativeError(hidden.data(), expected.data(), static_cast<int64_t>(hidden.size())),
            1e-2);
}

TEST(Logits, OfTheTrainedModelAnswerAsTheGolden) {
  TemporaryFolder folder;
  const GoldenFile golden(SourcePath("tests/goldens/recall/expected.safetensors"));
  RunWell({"logits", "-m", RecallModel(), "--ids", "-", "--out", folder / "out"},
          {.input = GoldenIds(golden)});
  const GoldenFile out(folder / "out");
  const auto logits = out.Get<float>("logits");
  const auto expected = golden.Get<float>("logits_f32");
  ASSERT_EQ(logits.size(), expected.size());
  int64_t equal = 0;
  const int64_t tokens = out.ShapeOf("logits")[0];
  for (int64_t t = 0; t < tokens; ++t)
    equal += ArgMax(&logits[static_cast<size_t>(t * 288)], 288) ==
             ArgMax(&expected[static_cast<size_t>(t * 288)], 288);
  EXPECT_GE(equal, tokens * 995 / 1000);
}

TEST(Logits, OneTokenHasNoMtpRow) {
  TemporaryFolder folder;
  RunWell({"logits", "-m", NanoFlash(), "--ids", "-", "--out", folder / "out", "--mtp"},
          {.input = "5"});
  EXPECT_EQ(GoldenFile(folder / "out").ShapeOf("mtp_logits"), (tensor::Shape{0, 256}));
}

TEST(Logits, SaysWhatIsWrongAndLeavesNothing) {
  TemporaryFolder folder;
  const auto logits = [&](const std::string& model, const std::string& out) {
    return Arguments{"logits", "-m", model, "--ids", "-", "--out", out};
  };
  const Arguments usual = logits(NanoFlash(), folder / "out");
  ExpectFailure(usual, 1, "standard input: holds no token ids", {.input = " \n"});
  ExpectFailure(usual, 1, "standard input: line 2, word 1: \"256\"", {.input = "1 2\n256\n"});
  ExpectFailure(usual, 1, "line 1, word 3: \"two\" is not a token id from 0 to 255",
                {.input = "0 1 two"});
  ExpectFailure(logits(NanoFlash(), folder / "none/out"), 1, folder / "none/out", {.input = "1"});
  ExpectFailure(logits(NanoFlash(), "/dev/full"), 1, "/dev/full: exists and is not a regular file",
                {.input = "1"});
  Arguments mtp = logits(RecallModel(), folder / "out");
  mtp.emplace_back("--mtp");
  ExpectFailure(mtp, 1, "--mtp: " + RecallModel() + " has no MTP layer", {.input = "1"});
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Logits, BeyondTheContextIsAFailure) {
  TemporaryFolder folder;
  for (const auto& entry : std::filesystem::directory_iterator(NanoFlash()))
    std::filesystem::create_symlink(entry.path(), folder / entry.path().filename().string());
  Json config = Json::parse(ReadBytes(NanoFlash() + "/config.json"));
  config["max_position_embeddings"] = 3;
  std::filesystem::remove(folder / "config.json");
  WriteBytes(folder / "config.json", config.dump());
  const Arguments logits = {"logits", "-m", folder.path(), "--ids", "-", "--out", folder / "out"};
  ExpectFailure(logits, 1, "4 token ids are more than the model's context of 3",
                {.input = "1 2 3 4"});
  RunWell(logits, {.input = "1 2 3"});
}

/// Files of the programs that are run grow to `bytes` at most, while this lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit = {bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST(Logits, AFileThatCannotBeWrittenWholeIsNotLeftBehind) {
  TemporaryFolder folder;
  FileSizeLimit limit(4096);
  ExpectFailure({"logits", "-m", NanoFlash(), "--ids", "-", "--out", folder / "out"}, 1,
                folder / "out: cannot write: File too large", {.input = "1 2 3 4 5 6 7 8 9"});
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

Arguments Synth(const std::string& out, const Arguments& more = {}) {
  Arguments arguments = {"synth", "--like", NanoFlash() + "/config.json", "--layers", "4",
                         "--out", out};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST(Synth, WritesACheckpointThatWorks) {
  TemporaryFolder folder;
  const std::string out = folder / "model";
  RunWell(Synth(out, {"--experts", "3"}));
  const Json json = Json::parse(RunWell({"inspect", out, "--json"}));
  EXPECT_EQ(json["config"]["num_hidden_layers"], 4);
  EXPECT_EQ(json["config"]["n_routed_experts"], 3);
  EXPECT_EQ(json["weights"]["unknown_tensors"], Json::array());
  RunWell({"logits", "-m", out, "--ids", "-", "--out", folder / "logits"}, {.input = "1 2 3"});
  for (const float logit : GoldenFile(folder / "logits").Get<float>("logits"))
    EXPECT_TRUE(std::isfinite(logit));
}

TEST(Synth, TheSeedDecidesAndAnEarlierResultIsReplaced) {
  TemporaryFolder folder;
  const std::string out = folder / "model";
  const std::string shard = out + "/model-00001-of-00001.safetensors";
  RunWell(Synth(out, {"--seed", "5"}));
  const std::string five = ReadBytes(shard);
  RunWell(Synth(out, {"--seed", "6"}));
  EXPECT_NE(ReadBytes(shard), five);
  // What an interrupted run leaves does not hinder the next one.
  WriteBytes(out + "/model-00002-of-00002.safetensors.partial-1-0", "x");
  RunWell(Synth(out, {"--seed", "5", "--threads", "1"}));
  EXPECT_TRUE(ReadBytes(shard) == five);
  EXPECT_FALSE(std::filesystem::exists(out + "/model-00002-of-00002.safetensors.partial-1-0"));
}

TEST(Synth, LeavesOtherPeoplesFilesAlone) {
  TemporaryFolder folder;
  WriteBytes(folder / "config.json", "mine");
  ExpectFailure(Synth(folder.path()), 1, folder.path() + ": is not empty");
  EXPECT_EQ(ReadBytes(folder / "config.json"), "mine");
  const std::string out = folder / "model";
  RunWell(Synth(out));
  WriteBytes(out + "/notes.txt", "mine");
  ExpectFailure(Synth(out), 1, out + "/notes.txt");
  EXPECT_TRUE(std::filesystem::exists(out + "/model.safetensors.index.json"));
}

TEST(Synth, SaysWhatIsWrong) {
  TemporaryFolder folder;
  ExpectFailure({"synth", "--like", "no-such-file", "--out", folder / "x"}, 1, "no-such-file");
  ExpectFailure(Synth(folder / "x", {"--layers", "9"}), 2, "--layers");
  ExpectFailure({"synth", "--like", "flash", "--layers", "99", "--out", folder / "x"}, 1,
                "layers: 99 is not between 1 and 43");
  ExpectFailure(Synth(folder / "x", {"--experts", "9"}), 1, "experts: 9");
  WriteBytes(folder / "file", "");
  ExpectFailure(Synth(folder / "file"), 1, folder / "file");
  EXPECT_FALSE(std::filesystem::exists(folder / "x"));
}

TEST(Synth, ChecksTheDiskFirst) {
  TemporaryFolder folder;
  Json config = Json::parse(ReadBytes(NanoFlash() + "/config.json"));
  config["moe_intermediate_size"] = 1 << 30;
  config["hidden_size"] = 1 << 17;
  WriteBytes(folder / "config.json", config.dump());
  ExpectFailure({"synth", "--like", folder / "config.json", "--out", folder / "x"}, 1,
                " PB of disk space, ");
  EXPECT_FALSE(std::filesystem::exists(folder / "x"));
}

}  // namespace
}  // namespace fathom::tests
