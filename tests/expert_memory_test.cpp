// Checkpoints larger than what the program may use, from the outside.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/thread_pool.h"
#include "checkpoint/test_files.h"
#include "golden_file.h"
#include "model/synth.h"
#include "program_checks.h"

namespace fathom::tests {
namespace {

using checkpoint::ReadBytes;
using checkpoint::TemporaryFolder;
using checkpoint::WriteBytes;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

Arguments operator+(Arguments left, const Arguments& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

Json RunJson(const Arguments& arguments) {
  const Outcome outcome = RunProgram(arguments + Arguments{"--json"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  return Json::parse(outcome.out, nullptr, false);
}

// The bundled model's tokenizer on random weights of 112 MB, all but 2 of them experts.
class LargeCheckpoint : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    Json config = Json::parse(ReadBytes(SourcePath("tests/models/recall/config.json")));
    config.update({{"hidden_size", 512},
                   {"moe_intermediate_size", 1024},
                   {"n_routed_experts", 32},
                   {"num_experts_per_tok", 2}});
    base::ThreadPool pool(2);
    const base::Status status =
        model::WriteRandomCheckpoint(folder_->path(), config.dump(), "large", {}, pool);
    ASSERT_TRUE(status.ok()) << status.error().message;
    std::filesystem::copy(SourcePath("tests/models/recall/tokenizer.json"),
                          *folder_ / "tokenizer.json");
  }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
  }

  static Arguments Run() {
    return {"run",       "-m",        folder_->path(),
            "--raw",     "-p",        "Hello, bounded",
            "--seed",    "3",         "-n",
            "24",        "--context", "64",
            "--threads", "1",         "--batch-tokens",
            "8"};
  }

  // Runs the program with so many bytes of address space; what it prints goes to `out` and `err`.
  static int RunWithin(int64_t bytes, const Arguments& arguments) {
    std::string command = fmt::format("ulimit -v {}; exec {}", bytes / 1024, FATHOM_PROGRAM);
    for (const std::string& argument : arguments) command += " '" + argument + "'";
    command += fmt::format(" > {} 2> {}", *folder_ / "out", *folder_ / "err");
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  static TemporaryFolder* folder_;
};

TemporaryFolder* LargeCheckpoint::folder_ = nullptr;

TEST_F(LargeCheckpoint, RunsInAnAddressSpaceSmallerThanItIs) {
  constexpr int64_t kLimit = 80'000'000;
  uint64_t size = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder_->path()))
    size += file.file_size();
  ASSERT_GT(size, uint64_t{kLimit} * 5 / 4);

  EXPECT_EQ(RunWithin(kLimit, Run()), 1);
  EXPECT_THAT(ReadBytes(*folder_ / "err"), HasSubstr("cannot map: Cannot allocate memory"));

  const Outcome mapped = RunProgram(Run());
  ASSERT_EQ(mapped.exit_code, 0) << mapped.err;
  for (const char* memory : {"4M", "20M"}) {
    EXPECT_EQ(RunWithin(kLimit, Run() + Arguments{"--expert-memory", memory}), 0);
    EXPECT_EQ(ReadBytes(*folder_ / "out"), mapped.out);
    EXPECT_THAT(ReadBytes(*folder_ / "err"),
                ContainsRegex("\\| experts [0-9.]+ % hits, [0-9.]+ [MG]B read, [0-9.]+ s waiting"));
  }

  // Memory that is not to be had is an error like any other.
  EXPECT_EQ(RunWithin(kLimit, Run() + Arguments{"--expert-memory", "1T"}), 1);
  EXPECT_THAT(ReadBytes(*folder_ / "err"),
              ContainsRegex("^fathom: cannot get [0-9]+ bytes of memory for experts: Cannot"));
}

TEST_F(LargeCheckpoint, TellsWhatReadingTook) {
  const Json mapped = RunJson(Run());
  EXPECT_FALSE(mapped.contains("experts"));
  const Json some = RunJson(Run() + Arguments{"--expert-memory", "30MB"});
  EXPECT_EQ(some["tokens"], mapped["tokens"]);
  const Json& experts = some["experts"];
  EXPECT_GE(experts["uses"], 4 * 2 * 24);
  EXPECT_LE(experts["reads"], experts["uses"]);
  EXPECT_GT(experts["bytes_read"], experts["reads"].get<int64_t>() * 800'000);
  EXPECT_GE(experts["wait_seconds"], 0);
  const Json& timings = some["timings"];
  EXPECT_LE(experts["wait_seconds"].get<double>(),
            timings["prefill_seconds"].get<double>() + timings["decode_seconds"].get<double>());
  EXPECT_GE(experts["hit_rate"], 0);
  EXPECT_LT(experts["hit_rate"], 1);

  const Json all = RunJson(Run() + Arguments{"--expert-memory", "200M"});
  EXPECT_EQ(all["tokens"], mapped["tokens"]);
  EXPECT_GT(all["experts"]["hit_rate"], some["experts"]["hit_rate"]);
  EXPECT_LE(all["experts"]["reads"], 4 * 32);
}

TEST_F(LargeCheckpoint, LogitsAreTheSameBytes) {
  WriteBytes(*folder_ / "ids", "5 17 287 3 99 200 41");
  const Arguments logits = {
      "logits", "-m",    folder_->path(),    "--ids", *folder_ / "ids", "--chunk",
      "3",      "--out", *folder_ / "logits"};
  ASSERT_EQ(RunProgram(logits).exit_code, 0);
  const std::string mapped = ReadBytes(*folder_ / "logits");
  const Outcome outcome = RunProgram(logits + Arguments{"--expert-memory", "2M"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(ReadBytes(*folder_ / "logits"), mapped);
}

TEST(ExpertMemoryOption, RefusesWhatIsNoAmountOrTooLittle) {
  const Arguments run = {"run", "-m", SourcePath("tests/models/recall"),
                         "-p",  "x",  "--expert-memory"};
  for (const char* amount : {"0", "-1", "lots", "1.5G", "4X"}) {
    const Outcome outcome = RunProgram(run + Arguments{amount});
    EXPECT_EQ(outcome.exit_code, 2) << amount;
    EXPECT_THAT(outcome.err, HasSubstr("--expert-memory: \"" + std::string(amount) +
                                       "\" is not a number of bytes"));
  }
  const Outcome little = RunProgram(run + Arguments{"10K"});
  EXPECT_EQ(little.exit_code, 1);
  EXPECT_THAT(little.err,
              AllOf(ContainsRegex("^fathom: expert_memory: 10240 bytes are fewer than the [0-9]+ "),
                    HasSubstr("tests/models/recall")));
}

TEST(ExpertMemoryOption, ChatTakesItToo) {
  const Arguments chat = {"chat", "-m", SourcePath("tests/models/recall"), "--temp", "0",
                          "-n",   "8"};
  const ProgramOptions input = {.input = "Hello\nAnd again\n"};
  const Outcome mapped = RunProgram(chat, input);
  const Outcome cached = RunProgram(chat + Arguments{"--expert-memory", "100K"}, input);
  EXPECT_EQ(cached.exit_code, 0) << cached.err;
  EXPECT_EQ(cached.out, mapped.out);
  EXPECT_THAT(cached.err, HasSubstr(" % hits, "));
  EXPECT_THAT(mapped.err, Not(HasSubstr("hits")));
}

}  // namespace
}  // namespace fathom::tests
