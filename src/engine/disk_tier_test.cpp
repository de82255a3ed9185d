// Prefixes that outlive the engine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/temporary_folder_testing.h"
#include "engine/driver_testing.h"

namespace fathom::engine {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

class DiskTier : public testing::Test {
 protected:
  EngineOptions Options(const std::string& name = "kv") {
    return {.kv_memory = kMuch,
            .kv_directory = folder_ / name,
            .on_log = [this](std::string_view line) { log_.emplace_back(line); }};
  }

  // Three turns of a conversation; returns the prompt of the fourth.
  Tokens Talk(Driver& driver) const {
    Tokens conversation = RandomTokens(1, 300);
    for (unsigned turn = 0; turn < 3; ++turn) {
      driver.Submit("turn", MakeRequest(conversation, 30));
      driver.Finish();
      conversation = Join(conversation, driver["turn"].completion.tokens);
      conversation = Join(conversation, RandomTokens(10 + turn, 50));
      driver["turn"] = {};
    }
    return conversation;
  }

  // What the next turn finds, once it has answered as if it had been computed anew.
  int64_t GoOn(Driver& driver, const Tokens& conversation) const {
    const Request request = MakeRequest(conversation, 5);
    driver["next"] = {};
    driver.Submit("next", request);
    driver.Finish();
    ExpectSame(driver["next"], AnswerAlone(request));
    return driver.cached("next");
  }

  std::vector<fs::path> Files(const std::string& name = "kv") const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / name))
      if (entry.path().extension() == ".prefix") files.push_back(entry.path());
    return files;
  }

  const base::TemporaryFolder folder_;
  std::vector<std::string> log_;
};

TEST_F(DiskTier, AConversationGoesOnAfterARestart) {
  Tokens conversation;
  {
    Driver driver(Options());
    conversation = Talk(driver);
    driver.engine().Park();
    EXPECT_GT(driver.engine().statistics().disk_bytes_written, 0);
  }
  Driver driver(Options());
  EXPECT_EQ(GoOn(driver, conversation), std::ssize(conversation) - 50 - 1);
  const EngineStatistics statistics = driver.engine().statistics();
  EXPECT_EQ(statistics.disk_hits, 1);
  EXPECT_EQ(statistics.disk_hit_tokens, std::ssize(conversation) - 51);
  EXPECT_GT(statistics.disk_bytes_read, 0);
  EXPECT_GE(GoOn(driver, conversation), std::ssize(conversation) - 1) << "now it is in memory";
  EXPECT_EQ(driver.engine().statistics().disk_hits, 1);
  EXPECT_THAT(log_, IsEmpty());
}

// What a process leaves that is killed: the files as they are, without any goodbye.
TEST_F(DiskTier, AKilledProcessLosesAHundredthAtMost) {
  Driver driver(Options());
  const Tokens conversation = Talk(driver);
  // A disk that has taken nothing for a second has nothing left to take.
  int64_t written = -1;
  for (int quiet = 0; quiet < 10; ++quiet) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    driver.Step();
    const int64_t now = driver.engine().statistics().disk_bytes_written;
    if (now != std::exchange(written, now)) quiet = 0;
  }
  fs::copy(folder_ / "kv", folder_ / "copy", fs::copy_options::recursive);
  Driver next(Options("copy"));
  EXPECT_GE(GoOn(next, conversation), (std::ssize(conversation) - 51) * 99 / 100);
  EXPECT_THAT(log_, IsEmpty());
}

TEST_F(DiskTier, ADamagedFileIsAMiss) {
  Tokens conversation;
  {
    Driver driver(Options());
    conversation = Talk(driver);
    driver.engine().Park();
  }
  for (const fs::path& path : Files()) {
    std::string bytes = *base::ReadFile(path);
    bytes.back() ^= 1;
    std::ofstream(path, std::ios::binary) << bytes;
  }
  Driver driver(Options());
  EXPECT_EQ(GoOn(driver, conversation), 0);
  EXPECT_GT(driver.engine().statistics().disk_failures, 0);
  ASSERT_FALSE(log_.empty());
  EXPECT_THAT(log_[0], HasSubstr("does not match its checksum; deleted"));
}

TEST_F(DiskTier, MemoryGivesUpWhatFilesStillHave) {
  Driver probe({.context = 1000, .kv_memory = kMuch});
  probe.Submit("", MakeRequest({1}, -1));
  probe.Step();
  const EngineStatistics empty = probe.engine().statistics();
  EngineOptions options = Options();
  options.context = 1000;
  options.kv_memory = static_cast<uint64_t>(5 * (empty.kv_bytes + empty.kv_promised_bytes) / 2);
  Driver driver(options);
  const Tokens conversation = Talk(driver);
  driver.engine().Park();
  for (unsigned i = 0; i < 6; ++i) {
    driver.Submit("other", MakeRequest(RandomTokens(100 + i, 900), 2));
    driver.Finish();
  }
  EXPECT_GT(driver.engine().statistics().prefix_evictions, 0);
  EXPECT_EQ(GoOn(driver, conversation), std::ssize(conversation) - 51);
  EXPECT_EQ(driver.engine().statistics().disk_hits, 1);
}

TEST_F(DiskTier, CheckpointsDoNotMeet) {
  Tokens conversation;
  {
    Driver driver(Options());
    conversation = Talk(driver);
    driver.engine().Park();
  }
  const auto files = Files();
  EngineOptions options = Options();
  options.context = 2000;
  const auto other =
      Engine::Open(std::string(FATHOM_SOURCE_DIR) + "/tests/goldens/nano-pro", options);
  ASSERT_TRUE(other.engine) << other.error;
  EXPECT_EQ(other.engine->statistics().disk_prefixes, 0);
  EXPECT_EQ(Files(), files);
  EXPECT_THAT(log_, IsEmpty());
}

TEST_F(DiskTier, SaysWhatIsWrongWithTheDirectory) {
  EXPECT_EQ(Engine::Open(kNano, {.kv_directory = "/x"}).error,
            "kv_directory: nothing is kept without kv_memory");
  std::ofstream(folder_ / "file") << "";
  EXPECT_THAT(
      Engine::Open(kNano, {.context = 2000, .kv_memory = kMuch, .kv_directory = folder_ / "file"})
          .error,
      HasSubstr(folder_ / "file"));
  const Driver first(Options());
  EngineOptions options = Options();
  options.context = 2000;
  EXPECT_THAT(Engine::Open(kNano, options).error, HasSubstr("in use by another process"));
}

}  // namespace
}  // namespace fathom::engine
