// The commands that look at models and text, and the command line itself, from the outside.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "checkpoint/test_files.h"
#include "golden_file.h"
#include "program.h"

namespace fathom::tests {
namespace {

using checkpoint::TemporaryFolder;
using checkpoint::WriteBytes;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::json;
using Arguments = std::vector<std::string>;

const std::string& DefaultModel() {
  static const std::string kPath = SourcePath("models/default");
  return kPath;
}

const std::string& NanoFlash() {
  static const std::string kPath = SourcePath("tests/goldens/nano-flash");
  return kPath;
}

std::string ReadBytes(const std::string& path) {
  auto bytes = base::ReadFile(path);
  if (!bytes.ok()) throw std::runtime_error(bytes.error().message);
  return *bytes;
}

int64_t CountLines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

/// Runs the program, which has to succeed and say nothing but its result.
std::string RunWell(const Arguments& arguments, const ProgramOptions& options = {}) {
  const Outcome outcome = RunProgram(arguments, options);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  return outcome.out;
}

/// Runs the program, which has to fail with one line that holds `message`, and print nothing.
void ExpectFailure(const Arguments& arguments, int exit_code, const std::string& message,
                   const ProgramOptions& options = {}) {
  SCOPED_TRACE(testing::PrintToString(arguments));
  const Outcome outcome = RunProgram(arguments, options);
  EXPECT_EQ(outcome.exit_code, exit_code);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, AllOf(StartsWith("fathom: "), EndsWith("\n"), HasSubstr(message)));
  EXPECT_EQ(CountLines(outcome.err), 1) << outcome.err;
}

// ---- The command line

TEST(CommandLine, EveryHelpFitsATerminalAndNamesTheExitCodes) {
  for (const char* command : {"", "inspect", "cost", "bench", "logits", "synth", "eval",
                              "train-tokenizer", "tokenize", "encode"}) {
    Arguments arguments = {"--help"};
    if (*command != '\0') arguments.insert(arguments.begin(), command);
    const std::string help = RunWell(arguments);
    const std::string name = *command == '\0' ? "fathom" : std::string("fathom ") + command;
    EXPECT_THAT(help, StartsWith(name + " - "));
    EXPECT_THAT(help, AllOf(HasSubstr("\nUsage: " + name + " "), HasSubstr("\nExit codes:\n")));
    EXPECT_EQ(help.find("\nExamples:\n  ") == help.npos, *command == '\0');
    std::istringstream lines(help);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80u) << line;
  }
}

TEST(CommandLine, TheProgramsHelpNamesEveryCommand) {
  const std::string help = RunWell({"-h"});
  for (const char* command : {"inspect", "cost", "bench", "logits", "synth", "train", "eval",
                              "train-tokenizer", "tokenize", "encode"})
    EXPECT_THAT(help, HasSubstr(std::string("\n  ") + command + " "));
  EXPECT_THAT(RunWell({"--version"}), testing::MatchesRegex("fathom [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST(CommandLine, WrongUsageExitsWithTwo) {
  ExpectFailure({}, 2, "no command");
  ExpectFailure({"improve"}, 2, "unknown command \"improve\"");
  ExpectFailure({"--frobnicate"}, 2, "unknown option \"--frobnicate\"");
  ExpectFailure({"cost", "--frobnicate"}, 2, "unknown option \"--frobnicate\"");
  ExpectFailure({"logits", "--frobnicate"}, 2, "unknown option \"--frobnicate\"");
  ExpectFailure({"cost", "much"}, 2, "unexpected argument \"much\"");
  ExpectFailure({"eval", "beauty"}, 2, "\"beauty\" is not recall, tools or ppl");
  ExpectFailure({"inspect"}, 2, "DIR is required");
  ExpectFailure({"logits", "--ids", "-"}, 2, "--out is required");
  ExpectFailure({"tokenize", "--model"}, 2, "--model");
  ExpectFailure({"encode", "--messages", "-", "--think", "hard"}, 2, "--think: \"hard\"");
}

TEST(CommandLine, WrongNumbersNameTheirOption) {
  const Arguments wrong_contexts = {
      "0", "-1", "x", "1e6", "0x10", "1.5", "", "1000000001", "99999999999999999999"};
  for (const std::string& context : wrong_contexts)
    ExpectFailure({"cost", "--context=" + context}, 2, "--context");
  const Arguments logits = {"logits", "--ids", "-", "--out", "out"};
  for (const char* option : {"--chunk", "--threads"}) {
    Arguments arguments = logits;
    arguments.insert(arguments.end(), {option, "0"});
    ExpectFailure(arguments, 2, std::string(option) + ": \"0\" is not an integer from 1");
  }
  ExpectFailure({"synth", "--like", "flash", "--out", "x", "--seed", "-3"}, 2, "--seed");
}

TEST(CommandLine, AnErrorStaysOneLineWhateverAFileIsCalled) {
  ExpectFailure({"inspect", "no\nsuch\rfile"}, 1, "no\\x0asuch\\x0dfile/config.json");
}

TEST(CommandLine, OutputThatCannotBeWrittenIsAFailure) {
  const Arguments commands[] = {{"--help"},
                                {"--version"},
                                {"cost"},
                                {"cost", "--json"},
                                {"inspect", DefaultModel()},
                                {"tokenize", "-m", DefaultModel()}};
  for (const Arguments& arguments : commands) {
    ExpectFailure(arguments, 1, "standard output: cannot write: No space left on device",
                  {.input = "x", .out_path = "/dev/full"});
    ExpectFailure(arguments, 1, "standard output: cannot write: Broken pipe",
                  {.input = "x", .closed_output = true});
  }
}

TEST(CommandLine, AnUnknownTierIsAFailure) {
  ExpectFailure({"inspect", DefaultModel()}, 1, "FATHOM_ISA=sse9",
                {.environment = {"FATHOM_ISA=sse9"}});
}

TEST(Progress, ShowsOnATerminalAndIsErased) {
  TemporaryFolder folder;
  TerminalProgram program({"synth", "--like", NanoFlash() + "/config.json", "--out", folder / "x"},
                          {"TERM=xterm"});
  program.Await("writing [");
  program.Await("\r\033[K");
  EXPECT_THAT(program.Await("\n"), HasSubstr(folder / "x"));
  EXPECT_EQ(program.Wait(), 0);
}

// ---- tokenize and encode

TEST(Tokenize, EveryByteComesBack) {
  TemporaryFolder folder;
  std::mt19937 random(7);
  std::string bytes(50'000, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  WriteBytes(folder / "bytes", bytes);
  const std::string ids = RunWell({"tokenize", "-m", DefaultModel(), "-f", folder / "bytes"});
  EXPECT_EQ(CountLines(ids), 1);
  WriteBytes(folder / "ids", ids);
  const Arguments decode = {"tokenize", "-m", DefaultModel(), "--decode", "-f", folder / "ids"};
  EXPECT_EQ(RunWell(decode), bytes);
}

TEST(Tokenize, ReadsSpecialTokensOnlyIfRaw) {
  const ProgramOptions input = {.input = "a<｜User｜>"};
  EXPECT_EQ(RunWell({"tokenize", "-m", DefaultModel(), "--raw"}, input), "97 258\n");
  EXPECT_THAT(RunWell({"tokenize", "-m", DefaultModel()}, input),
              AllOf(StartsWith("97 60 "), EndsWith(" 62\n")));
  EXPECT_EQ(RunWell({"tokenize", "-m", DefaultModel()}), "\n");
  EXPECT_EQ(RunWell({"tokenize", "-m", DefaultModel(), "--decode"}, {.input = " 97\n258 "}),
            "a<｜User｜>");
}

TEST(Tokenize, NeedsNothingButTokenizerJson) {
  TemporaryFolder folder;
  std::filesystem::copy(DefaultModel() + "/tokenizer.json", folder / "tokenizer.json");
  EXPECT_EQ(RunWell({"tokenize", "-m", folder.path()}, {.input = "hi"}), "104 105\n");
}

TEST(Tokenize, SaysWhereTheInputIsWrong) {
  const Arguments decode = {"tokenize", "-m", DefaultModel(), "--decode"};
  const std::string limit = " is not a token id from 0 to ";
  ExpectFailure(decode, 1, "standard input: line 2, word 2: \"x7\"" + limit,
                {.input = "1 2\n3 x7 4"});
  for (const char* word : {"-1", "+1", "1,2", "0x1", "1.0", "100000", "99999999999999999999"})
    ExpectFailure(decode, 1, std::string("line 1, word 1: \"") + word + "\"" + limit,
                  {.input = word});
  ExpectFailure({"tokenize", "-m", DefaultModel(), "-f", "no-such-file"}, 1, "no-such-file");
  ExpectFailure({"tokenize", "-m", NanoFlash()}, 1, "nano-flash/tokenizer.json");
}

TEST(Tokenize, ReadsOnWhereItsInputStands) {
  TemporaryFolder folder;
  WriteBytes(folder / "text", "skipped\nhi");
  const std::string command =
      fmt::format("(read line; exec {} tokenize -m {}) < {} > {}", FATHOM_PROGRAM, DefaultModel(),
                  folder / "text", folder / "ids");
  // The shell leaves the file's position behind the line that it reads.
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(ReadBytes(folder / "ids"), "104 105\n");
}

TEST(CommandLine, ClosedStreamsAreFailures) {
  const std::string fathom = std::string(FATHOM_PROGRAM) + " ";
  for (const std::string& command :
       Arguments{"cost >&-", "tokenize -m " + DefaultModel() + " <&-"}) {
    const int status = std::system((fathom + command + " 2> /dev/null").c_str());
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 1) << command;
  }
}

TEST(Encode, PrintsThePromptAndNothingElse) {
  TemporaryFolder folder;
  WriteBytes(folder / "chat.json",
             R"({"messages": [{"role": "system", "content": "Be brief."},
                              {"role": "user", "content": "1 + 1?"}]})");
  const std::string start = "<｜begin▁of▁sentence｜>Be brief.<｜User｜>1 + 1?<｜Assistant｜>";
  const Arguments encode = {"encode", "--messages", folder / "chat.json"};
  EXPECT_EQ(RunWell(encode), start + "<think>");
  for (const auto& [think, suffix] : {std::pair("none", "</think>"), {"high", "<think>"}}) {
    Arguments arguments = encode;
    arguments.insert(arguments.end(), {"--think", think});
    EXPECT_EQ(RunWell(arguments), start + suffix);
  }
  const std::string from_input = RunWell({"encode", "--messages", "-", "--think", "max"},
                                         {.input = R"([{"role": "user", "content": "1 + 1?"}])"});
  EXPECT_THAT(from_input, AllOf(StartsWith("<｜begin▁of▁sentence｜>Reasoning Effort"),
                                EndsWith("<｜User｜>1 + 1?<｜Assistant｜><think>")));
}

TEST(Encode, NamesTheMessageThatIsWrong) {
  const Arguments encode = {"encode", "--messages", "-"};
  ExpectFailure(encode, 1, "standard input: messages[0].role", {.input = R"([{"role": "pope"}])"});
  ExpectFailure(encode, 1, "standard input: byte 0", {.input = "x"});
  ExpectFailure({"encode", "--messages", "no-such-file"}, 1, "no-such-file");
}

// ---- cost

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

// ---- inspect

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
      RunWell({"inspect", DefaultModel(), "--json"}, {.environment = {"FATHOM_ISA=portable"}}));
  EXPECT_EQ(json["isa"]["in_use"], "portable");
  EXPECT_EQ(json["isa"]["supported"].back(), "portable");
  EXPECT_TRUE(json["has_tokenizer"]);
  EXPECT_EQ(json["problems"], Json::array());
}

TEST(Inspect, ListsWhatIsOdd) {
  TemporaryFolder folder;
  for (const auto& entry : std::filesystem::directory_iterator(DefaultModel()))
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

// ---- logits

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
  RunWell({"logits", "-m", DefaultModel(), "--ids", "-", "--out", folder / "out"},
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
  Arguments mtp = logits(DefaultModel(), folder / "out");
  mtp.emplace_back("--mtp");
  ExpectFailure(mtp, 1, "--mtp: " + DefaultModel() + " has no MTP layer", {.input = "1"});
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
                folder / "out.partial: cannot write: File too large",
                {.input = "1 2 3 4 5 6 7 8 9"});
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

// ---- synth

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
  WriteBytes(out + "/model-00002-of-00002.safetensors.partial", "x");
  RunWell(Synth(out, {"--seed", "5", "--threads", "1"}));
  EXPECT_TRUE(ReadBytes(shard) == five);
  EXPECT_FALSE(std::filesystem::exists(out + "/model-00002-of-00002.safetensors.partial"));
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
