#include "kv/prefix_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/file_faults_testing.h"
#include "base/temporary_folder_testing.h"
#include "kv/sample_testing.h"
#include "kv/session_testing.h"

namespace fathom::kv {
namespace {

namespace fs = std::filesystem;
using base::FaultyOperations;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Tokens = std::vector<int32_t>;

class PrefixFilesTest : public testing::Test {
 protected:
  base::Result<std::unique_ptr<PrefixFiles>> TryOpen(const SessionModel& model = kModel) {
    return PrefixFiles::Open({.directory = folder_.path(),
                              .limit_bytes = limit_,
                              .model = model,
                              .log = [this](std::string_view line) { log_.emplace_back(line); },
                              .await_written = await_written_,
                              .operations = operations_},
                             EmptyCache());
  }
  // As a process does that starts anew.
  void Reopen() {
    files_.reset();
    auto opened = TryOpen();
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    files_ = std::move(opened).value();
  }

  void Write(const Sample& sample, bool wait = true) {
    ASSERT_TRUE(files_->Wants(sample.tokens, false));
    SequenceCache cache = EmptyCache();
    const Position position = sample.cache.TakePosition();
    cache.GoTo(position);
    files_->Write(sample.tokens, std::move(cache), position.snapshot);
    while (wait && files_->pending() > 0) files_->TakeDone(true);
    Names();
  }
  // Writes the sample after so many further tokens.
  void Extend(Sample& sample, int64_t tokens) {
    sample.Extend(tokens, random_);
    Write(sample);
  }

  std::optional<SequenceCache> Read(const Tokens& tokens) {
    return files_->Read(tokens, [](int64_t) { return nullptr; });
  }
  // Everything that a sequence of those tokens holds.
  static std::vector<std::byte> BytesOf(const SequenceCache& cache, const Tokens& tokens) {
    const std::vector<std::shared_ptr<const Snapshot>> snapshots = {
        std::make_shared<Snapshot>(cache.TakeSnapshot())};
    std::vector<std::byte> all;
    const auto written =
        WriteSession({.cache = cache,
                      .tokens = std::span(tokens).first(static_cast<size_t>(cache.length())),
                      .note = {},
                      .snapshots = snapshots,
                      .fingerprint = kFingerprint},
                     [&](std::span<const std::byte> bytes) {
                       all.insert(all.end(), bytes.begin(), bytes.end());
                       return base::Status();
                     });
    EXPECT_TRUE(written.ok());
    return all;
  }
  void ExpectReads(const Sample& sample) {
    const auto cache = Read(sample.tokens);
    ASSERT_TRUE(cache);
    EXPECT_EQ(cache->length(), sample.cache.length());
    EXPECT_TRUE(BytesOf(*cache, sample.tokens) == BytesOf(sample.cache, sample.tokens));
  }

  // All files, in the order in which they were written: their times may be equal.
  std::vector<std::string> Names() {
    std::set<std::string> present;
    for (const auto& entry : fs::directory_iterator(folder_.path()))
      if (entry.path().filename() != "lock") present.insert(entry.path());
    std::erase_if(names_, [&](const std::string& name) { return present.erase(name) == 0; });
    names_.insert(names_.end(), present.begin(), present.end());
    return names_;
  }

  const base::TemporaryFolder folder_;
  int64_t limit_ = int64_t{1} << 30;
  std::function<int64_t(int64_t)> await_written_;
  base::FileOperations* operations_ = &base::FileOperations::System();
  std::vector<std::string> log_;
  std::vector<std::string> names_;
  std::mt19937 random_{7};
  std::unique_ptr<PrefixFiles> files_;
};

TEST_F(PrefixFilesTest, AConversationIsFoundAgainWithAllItsBranches) {
  Reopen();
  EXPECT_EQ(files_->FindLength(Tokens{1, 2, 3}), 0);
  Sample sample(0);
  Extend(sample, 3000);
  const int64_t first_bytes = files_->statistics().bytes;
  Sample branch = Sample(0);
  branch.tokens = sample.tokens;
  branch.cache = sample.cache.Fork();
  Extend(sample, 30);
  EXPECT_LT(files_->statistics().bytes - first_bytes, first_bytes / 4) << "what is new only";
  Extend(sample, 130);
  Extend(branch, 60);
  EXPECT_EQ(files_->statistics().files, 4);

  Reopen();
  EXPECT_EQ(files_->statistics().files, 4);
  EXPECT_EQ(files_->FindLength(sample.tokens), 3160);
  EXPECT_EQ(files_->FindLength(std::span(sample.tokens).first(3159)), 3030);
  EXPECT_EQ(files_->FindLength(std::span(sample.tokens).first(2999)), 0);
  ExpectReads(sample);
  ExpectReads(branch);
  Extend(branch, 51);
  Reopen();
  ExpectReads(branch);
  EXPECT_THAT(log_, IsEmpty());
  for (const std::string& name : Names())
    EXPECT_EQ(fs::status(name).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(PrefixFilesTest, WhatIsInMemoryIsNotRead) {
  Reopen();
  Sample sample(0);
  Extend(sample, 3000);
  const auto held = std::make_shared<const Position>(sample.cache.TakePosition());
  Extend(sample, 100);
  Extend(sample, 100);
  const auto cache =
      files_->Read(sample.tokens, [&](int64_t length) { return length == 3000 ? held : nullptr; });
  ASSERT_TRUE(cache);
  EXPECT_TRUE(BytesOf(*cache, sample.tokens) == BytesOf(sample.cache, sample.tokens));
  const int64_t some = files_->statistics().bytes_read;
  ExpectReads(sample);
  EXPECT_GT(files_->statistics().bytes_read - some, 2 * some);
}

TEST_F(PrefixFilesTest, WantsWhatIsAHundredthLonger) {
  Reopen();
  Sample sample(0);
  Extend(sample, 1000);
  sample.Extend(9, random_);
  EXPECT_FALSE(files_->Wants(sample.tokens, false));
  EXPECT_TRUE(files_->Wants(sample.tokens, true));
  sample.Extend(1, random_);
  EXPECT_TRUE(files_->Wants(sample.tokens, false));
  Write(sample);
  EXPECT_FALSE(files_->Wants(sample.tokens, true));
}

TEST_F(PrefixFilesTest, OldOnesMakeRoomFromTheirEnds) {
  Reopen();
  Sample old(0);
  Sample newer(0);
  Extend(old, 300);
  Extend(old, 60);
  Extend(newer, 300);
  Extend(newer, 60);
  const int64_t both = files_->statistics().bytes;
  ASSERT_TRUE(Read(old.tokens));
  limit_ = both - 1;
  Reopen();
  EXPECT_EQ(files_->FindLength(newer.tokens), 300) << "the other one was used";
  EXPECT_EQ(files_->FindLength(old.tokens), 360);
  Sample third(0);
  Extend(third, 300);
  Extend(third, 90);
  EXPECT_EQ(files_->FindLength(newer.tokens), 0);
  EXPECT_EQ(files_->FindLength(third.tokens), 390);
  EXPECT_LE(files_->statistics().bytes, limit_);
  limit_ = 100;
  Reopen();
  EXPECT_EQ(files_->statistics().files, 0);
  EXPECT_EQ(files_->statistics().bytes, 0);
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(PrefixFilesTest, AFileThatIsDamagedWasNeverThere) {
  for (const auto& [index, left] : {std::pair(0, 0), {1, 300}, {2, 360}}) {
    for (auto& name : Names()) fs::remove(name);
    Reopen();
    Sample sample(0);
    Extend(sample, 300);
    Extend(sample, 60);
    Extend(sample, 60);
    const std::string name = Names()[static_cast<size_t>(index)];
    std::string bytes = *base::ReadFile(name);
    // Of the rows of layer 1, which stand before tiles, rows of layer 2, and the position.
    const auto sections = FindSections(std::as_bytes(std::span(bytes)));
    bytes[sections[sections.size() - 5] + 1] ^= 1;
    std::ofstream(name, std::ios::binary) << bytes;
    const auto cache = Read(sample.tokens);
    EXPECT_EQ(cache ? cache->length() : 0, left);
    EXPECT_EQ(files_->FindLength(sample.tokens), left);
    ASSERT_EQ(log_.size(), 1u);
    EXPECT_THAT(log_[0], HasSubstr(name + ": damaged: section"));
    EXPECT_THAT(log_[0], HasSubstr("; deleted"));
    EXPECT_EQ(Names().size(), static_cast<size_t>(index));
    log_.clear();
  }
}

TEST_F(PrefixFilesTest, OpeningSortsOutWhatDoesNotBelong) {
  Reopen();
  Sample sample(0);
  Extend(sample, 300);
  Extend(sample, 60);
  Extend(sample, 60);
  Sample other(0);
  Extend(other, 50);
  files_.reset();
  const auto names = Names();
  ASSERT_EQ(names.size(), 4u);
  fs::resize_file(names[1], fs::file_size(names[1]) - 1);  // and what goes on from it
  fs::rename(names[3], folder_ / "00.prefix");
  std::ofstream(folder_ / "none.prefix") << "something";
  std::ofstream(folder_ / "aa.prefix.partial-17-0") << "a process that was killed";
  std::ofstream(folder_ / "notes.txt") << "somebody's";
  Reopen();
  EXPECT_EQ(files_->FindLength(sample.tokens), 300);
  EXPECT_EQ(files_->FindLength(other.tokens), 0);
  EXPECT_EQ(files_->statistics().files, 1);
  EXPECT_THAT(Names(), testing::UnorderedElementsAre(names[0], folder_ / "notes.txt"));
  EXPECT_THAT(log_, testing::UnorderedElementsAre(
                        HasSubstr("when it was written; deleted"), HasSubstr("is missing; deleted"),
                        HasSubstr("its name is not"), HasSubstr("not a session file")));
  log_.clear();

  files_.reset();
  SessionModel model = kModel;
  model.fingerprint[0] = std::byte{99};
  ASSERT_TRUE(TryOpen(model).ok());
  EXPECT_THAT(log_, ElementsAre(HasSubstr("another checkpoint; deleted")));
}

TEST_F(PrefixFilesTest, OneProcessAtATime) {
  Reopen();
  EXPECT_EQ(TryOpen().error().message, folder_.path() + ": in use by another process");
  files_.reset();
  fs::permissions(folder_.path(), fs::perms::none);
  fs::remove_all(folder_.path());
  std::ofstream(folder_.path()) << "a file";
  EXPECT_THAT(TryOpen().error().message, HasSubstr(folder_.path()));
}

TEST_F(PrefixFilesTest, AFullDiskBecomesTheLimit) {
  FaultyOperations full(FaultyOperations::Fault::kError, 30000);
  operations_ = &full;
  Reopen();
  Sample first(0);
  Extend(first, 50);
  const int64_t held = files_->statistics().bytes;
  ASSERT_GT(held, 0);
  Sample second(0);
  Extend(second, 300);
  ASSERT_THAT(log_, ElementsAre(HasSubstr("No space left on device; the prefix cache keeps to ")));
  EXPECT_EQ(files_->statistics().bytes, held);
  EXPECT_EQ(files_->FindLength(second.tokens), 0);
  EXPECT_EQ(files_->FindLength(first.tokens), 50);
  Sample third(0);
  Extend(third, 300);
  EXPECT_EQ(files_->FindLength(third.tokens), 0) << "more than there is room for";
  EXPECT_EQ(log_.size(), 1u);
}

// What one run noticed at which look, another notices at the same one, however fast its disk is.
TEST_F(PrefixFilesTest, ARunCanBeRepeatedLookByLook) {
  std::vector<FileEvent> events;
  int64_t look = 0;  // so far
  await_written_ = [&](int64_t n) {
    EXPECT_EQ(n, ++look);
    return n == 2 ? 2 : n == 5 ? 1 : 0;
  };
  Reopen();
  files_->Observe([&](const FileEvent& event) { events.push_back(event); });
  for (const int64_t length : {20, 40, 60}) Write(Sample(length), false);
  std::vector<size_t> seen;
  for (int i = 0; i < 5; ++i) {
    files_->TakeDone(false);
    seen.push_back(events.size());
  }
  EXPECT_THAT(seen, ElementsAre(0, 2, 2, 2, 3));
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i].kind, FileEvent::Kind::kWritten);
    EXPECT_EQ(events[i].tokens, 20 * static_cast<int64_t>(i + 1));
    EXPECT_EQ(events[i].look, i < 2 ? 2 : 5);
    EXPECT_GT(events[i].bytes, 0);
  }
}

// The parent's failure comes to light when its child is already on its way.
TEST_F(PrefixFilesTest, WhatGoesOnFromAFailedFileIsDropped) {
  FaultyOperations full(FaultyOperations::Fault::kError, 5000);
  operations_ = &full;
  Reopen();
  Sample sample(0);
  sample.Extend(300, random_);
  Write(sample, false);
  sample.Extend(60, random_);
  Write(sample, false);
  while (files_->pending() > 0) files_->TakeDone(true);
  EXPECT_EQ(files_->statistics().files, 0);
  EXPECT_EQ(files_->FindLength(sample.tokens), 0);
  files_.reset();
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(PrefixFilesTest, ACrashAtAnyCallLeavesWholeFiles) {
  Sample sample(0);
  Reopen();
  Extend(sample, 100);
  sample.Extend(60, random_);
  files_.reset();
  const auto before = Names();
  bool is_there = false;
  for (int64_t call = 0; !is_there; ++call) {
    FaultyOperations crash(FaultyOperations::Fault::kCrash, FaultyOperations::kUnlimited, call);
    operations_ = &crash;
    Reopen();
    Write(sample);
    operations_ = &base::FileOperations::System();
    log_.clear();
    Reopen();
    EXPECT_THAT(log_, IsEmpty());
    const int64_t found = files_->FindLength(sample.tokens);
    EXPECT_TRUE(found == 100 || found == 160) << found;
    is_there = !crash.struck();
    if (found == 160) ExpectReads(sample);
    files_.reset();
    for (const std::string& name : Names())
      if (name != before[0]) fs::remove(name);
    ASSERT_LT(call, 1000);
  }
}

}  // namespace
}  // namespace fathom::kv
