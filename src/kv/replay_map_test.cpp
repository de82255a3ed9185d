#include "kv/replay_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/temporary_folder_testing.h"
#include "kv/replay_file.h"

namespace fathom::kv {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using Keys = std::vector<std::string>;
using Tokens = std::vector<int32_t>;

TEST(ReplayMap, FindsTheAnswerThatAllKeysStandFor) {
  ReplayMap map(1000);
  map.Remember({{"call_1", "call_2", "", "call_1"}, {1, 2, 3}});
  map.Remember({{"call_3"}, {4}});
  EXPECT_EQ(map.size(), 2);
  EXPECT_EQ(map.bytes(), 6 + 6 + 12 + 6 + 4);
  EXPECT_EQ(map.Find(Keys{"call_2", "call_1"}), (Tokens{1, 2, 3}));
  EXPECT_EQ(map.Find(Keys{"call_2"}), (Tokens{1, 2, 3}));
  EXPECT_EQ(map.Find(Keys{"call_2", "call_3"}), std::nullopt);
  EXPECT_EQ(map.Find(Keys{"call_2", "call_4"}), std::nullopt);
  EXPECT_EQ(map.Find(Keys{}), std::nullopt);
}

TEST(ReplayMap, AKeyStandsForItsNewestAnswer) {
  ReplayMap map(1000);
  map.Remember({{"a", "b"}, {1}});
  map.Remember({{"b", "c"}, {2}});
  EXPECT_EQ(map.Find(Keys{"a"}), Tokens{1});
  EXPECT_EQ(map.Find(Keys{"b"}), Tokens{2});
  EXPECT_EQ(map.Find(Keys{"a", "b"}), std::nullopt);
  map.Remember({{"a"}, {3}});
  EXPECT_EQ(map.size(), 2);
  EXPECT_EQ(map.bytes(), 2 + 4 + 1 + 4);
}

TEST(ReplayMap, ForgetsWhatWasUsedLeastRecently) {
  ReplayMap map(3 * (1 + 40));
  for (const char* key : {"a", "b", "c"}) map.Remember({{key}, Tokens(10, key[0])});
  map.Find(Keys{"a"});
  map.Remember({{"d"}, Tokens(10, 'd')});
  EXPECT_EQ(map.Find(Keys{"b"}), std::nullopt);
  EXPECT_EQ(map.Find(Keys{"a"}), Tokens(10, 'a'));
  map.Remember({{"e"}, Tokens(31, 'e')});
  EXPECT_EQ(map.Find(Keys{"e"}), std::nullopt) << "larger than all that there is room for";
  map.Remember({{"e"}, Tokens(30, 'e')});
  EXPECT_EQ(map.size(), 1);
  EXPECT_LE(map.bytes(), 3 * 41);
}

// A disk that is full for as long as this lives: a limit on the size of files stands in for it.
class FullDisk {
 public:
  explicit FullDisk(rlim_t most_bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    if (::getrlimit(RLIMIT_FSIZE, &before_) != 0) throw std::runtime_error("no limit of files");
    Limit({most_bytes, before_.rlim_max});
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() {
    Limit(before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  static void Limit(const rlimit& limit) { EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0); }

  void (*handler_)(int);
  rlimit before_{};
};

class ReplayFileTest : public testing::Test {
 protected:
  std::unique_ptr<ReplayFile> Open(const std::string& identity = "tokenizer",
                                   int64_t limit = 1 << 20) const {
    auto file = ReplayFile::Open({.path = path_, .identity = identity, .limit_bytes = limit});
    if (!file.ok()) throw std::runtime_error(file.error().message);
    return std::move(file).value();
  }
  static ReplayMap::Answer Numbered(int i) { return {{"call_" + std::to_string(i)}, {i, -i, 7}}; }

  const base::TemporaryFolder folder_;
  std::string path_ = folder_ / "replay";
};

TEST_F(ReplayFileTest, WhatIsRememberedIsThereAtOnce) {
  const auto file = Open();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(file->Remember(Numbered(i)).ok());
  fs::copy(path_, folder_ / "copy");  // as a process leaves it that is killed
  EXPECT_EQ(fs::status(path_).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  path_ = folder_ / "copy";
  const auto again = Open();
  EXPECT_EQ(again->map().size(), 20);
  EXPECT_EQ(again->Find(Keys{"call_7"}), (Tokens{7, -7, 7}));
  EXPECT_EQ(Open("another tokenizer")->map().size(), 0);
}

TEST_F(ReplayFileTest, EveryCutLeavesWhatIsBeforeIt) {
  int64_t head = 0;
  {
    const auto file = Open();
    head = static_cast<int64_t>(fs::file_size(path_));
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(file->Remember(Numbered(i)).ok());
  }
  const std::string whole = *base::ReadFile(path_);
  const int64_t record = (std::ssize(whole) - head) / 3;
  for (int64_t cut = 0; cut <= std::ssize(whole); cut += 3) {
    std::ofstream(path_, std::ios::binary) << whole.substr(0, static_cast<size_t>(cut));
    const auto file = Open();
    EXPECT_EQ(file->map().size(), cut < head ? 0 : (cut - head) / record) << cut;
    ASSERT_TRUE(file->Remember(Numbered(9)).ok());
    EXPECT_EQ(Open()->Find(Keys{"call_9"}), (Tokens{9, -9, 7})) << "behind what was cut off";
  }
  for (size_t i = 0; i < whole.size(); i += 11) {
    std::string flipped = whole;
    flipped[i] ^= 1;
    std::ofstream(path_, std::ios::binary) << flipped;
    EXPECT_LT(Open()->map().size(), 3) << i;
  }
}

TEST_F(ReplayFileTest, WhatIsForgottenLeavesTheFile) {
  const auto file = Open("tokenizer", 10000);
  ReplayMap::Answer answer = {{"call"}, Tokens(2000, 1)};
  for (int i = 0; i < 400; ++i) {
    answer.keys[0] = "call_" + std::to_string(i);
    ASSERT_TRUE(file->Remember(answer).ok());
    ASSERT_LE(fs::file_size(path_), 2u * 10000 + (1 << 20) + 10000);
  }
  EXPECT_EQ(Open("tokenizer", 10000)->map().size(), 1);
}

TEST_F(ReplayFileTest, SaysIfThereIsNoFile) {
  path_ = folder_ / "no/such";
  EXPECT_THAT(ReplayFile::Open({.path = path_, .identity = {}}).error().message,
              HasSubstr(path_ + ": cannot create"));
}

TEST_F(ReplayFileTest, AFullDiskLeavesWholeRecords) {
  const auto file = Open();
  ASSERT_TRUE(file->Remember(Numbered(1)).ok());
  const base::Status full = [&] {
    const FullDisk disk(fs::file_size(path_) + 20);
    return file->Remember(Numbered(2));
  }();
  ASSERT_FALSE(full.ok());
  EXPECT_THAT(full.error().message, HasSubstr(path_ + ": cannot write: "));
  EXPECT_EQ(file->Find(Keys{"call_2"}), (Tokens{2, -2, 7}));
  ASSERT_TRUE(file->Remember(Numbered(3)).ok());
  const auto again = Open();
  EXPECT_EQ(again->map().size(), 2);
  EXPECT_EQ(again->Find(Keys{"call_3"}), (Tokens{3, -3, 7}));
}

TEST_F(ReplayFileTest, OpensWhatAKilledProcessLeftOnAFullDisk) {
  ASSERT_TRUE(Open()->Remember(Numbered(1)).ok());
  std::ofstream(path_, std::ios::binary | std::ios::app) << "half a record";
  {
    const FullDisk disk(0);
    EXPECT_EQ(Open()->map().size(), 1);
  }
  ASSERT_TRUE(Open()->Remember(Numbered(2)).ok());
  EXPECT_EQ(Open()->map().size(), 2);
}

}  // namespace
}  // namespace fathom::kv
