// Sessions: a sequence that was saved goes on to the bit as one that never was, and a file that is
// not whole is refused.
#include "engine/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/file_faults_testing.h"
#include "base/temporary_folder_testing.h"
#include "checkpoint/test_files.h"
#include "engine/engine.h"
#include "engine/sequence.h"
#include "kv/session_testing.h"
#include "model/config.h"
#include "model/fingerprint.h"

namespace fathom::tests {
namespace {

using checkpoint::ReadBytes;
using checkpoint::WriteBytes;

namespace fs = std::filesystem;
using base::FaultyOperations;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string SourcePath(const std::string& path) {
  return std::string(FATHOM_SOURCE_DIR) + "/" + path;
}

std::unique_ptr<engine::Engine> Open(const std::string& checkpoint,
                                     const engine::EngineOptions& options = {}) {
  auto opened = engine::Engine::Open(SourcePath(checkpoint), options);
  if (!opened.engine) throw std::runtime_error(opened.error);
  return std::move(opened.engine);
}

// An answer, and with every token of it the log probabilities of the whole vocabulary.
struct Observed {
  engine::Completion completion;
  std::vector<float> logprobs;
};

Observed Generate(engine::Engine& engine, std::vector<int32_t> prompt,
                  std::shared_ptr<engine::Sequence> sequence) {
  Observed observed;
  engine::Request request;
  request.prompt = std::move(prompt);
  request.sequence = std::move(sequence);
  request.max_tokens = 6;
  request.ignore_end = true;
  request.sampling.seed = 3;
  request.top_logprobs = static_cast<int32_t>(engine.info().vocab_size);
  request.on_token = [&](const engine::TokenEvent& token) {
    for (const auto& other : token.alternatives) {
      observed.logprobs.push_back(static_cast<float>(other.id));
      observed.logprobs.push_back(other.logprob);
    }
  };
  request.on_done = [&](const engine::Completion& done) { observed.completion = done; };
  const engine::Submission submitted = engine.Submit(std::move(request));
  if (!submitted.number) throw std::runtime_error(submitted.error);
  while (engine.Step()) {
  }
  return observed;
}

std::vector<int32_t> RandomIds(int64_t vocab, size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<int32_t> ids(count);
  for (int32_t& id : ids)
    id = std::uniform_int_distribution<int32_t>(0, static_cast<int32_t>(vocab) - 1)(random);
  return ids;
}

std::vector<int32_t> Join(std::vector<int32_t> left, const std::vector<int32_t>& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

// Tests with a folder of their own.
class SessionTest : public testing::TestWithParam<const char*> {
 protected:
  void Save(engine::Engine& engine, const engine::Sequence& sequence,
            const std::string& note = {}) const {
    std::string error;
    EXPECT_TRUE(engine.SaveSession(sequence, note, path_, &error)) << error;
  }
  engine::Session Load(engine::Engine& engine) const {
    std::string error;
    auto session = engine.LoadSession(path_, &error);
    if (!session) throw std::runtime_error(error);
    return std::move(*session);
  }
  std::string LoadError(engine::Engine& engine) const {
    std::string error;
    EXPECT_FALSE(engine.LoadSession(path_, &error));
    EXPECT_THAT(error, StartsWith(path_ + ": "));
    EXPECT_THAT(error, Not(HasSubstr("\n")));
    return error;
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_.path()))
      names.push_back(entry.path().filename());
    return names;
  }

  const base::TemporaryFolder folder_;
  const std::string path_ = folder_ / "session";
};

// Lengths around the borders of blocks, tiles, pages and windows. An answer of six tokens has five
// of them in the cache.
TEST_P(SessionTest, GoesOnAsIfItHadNeverBeenAway) {
  const auto before = Open(GetParam());
  const auto after = Open(GetParam(), {.threads = 1, .batch_tokens = 61});
  const int64_t vocab = before->info().vocab_size;
  for (const size_t length : {1, 3, 10, 59, 122, 123, 124, 251, 400}) {
    const auto sequence = before->NewSequence();
    const auto prompt = RandomIds(vocab, length, 1);
    const Observed first = Generate(*before, prompt, sequence);
    Save(*before, *sequence, "a note");
    const auto next = Join(Join(prompt, first.completion.tokens), RandomIds(vocab, 40, 2));
    const Observed whole = Generate(*before, next, sequence);

    const engine::Session session = Load(*after);
    EXPECT_EQ(session.note, "a note");
    const Observed resumed = Generate(*after, next, session.sequence);
    EXPECT_EQ(resumed.completion.stats.cached_tokens, static_cast<int64_t>(length) + 5);
    EXPECT_EQ(resumed.completion.tokens, whole.completion.tokens) << length;
    EXPECT_EQ(resumed.logprobs, whole.logprobs) << length;

    // Saved again by the second process, it is the file that the first one would write.
    Save(*before, *sequence);
    const std::string expected = ReadBytes(path_);
    Save(*after, *session.sequence);
    EXPECT_TRUE(ReadBytes(path_) == expected) << length;
  }
}

TEST_P(SessionTest, ReturnsToThePositionsOfTheFile) {
  const auto engine = Open(GetParam());
  const int64_t vocab = engine->info().vocab_size;
  const auto sequence = engine->NewSequence();
  const auto prompt = RandomIds(vocab, 150, 1);
  const Observed first = Generate(*engine, prompt, sequence);
  Generate(*engine, Join(Join(prompt, first.completion.tokens), RandomIds(vocab, 200, 2)),
           sequence);
  Save(*engine, *sequence);

  for (const size_t shared : {150, 155, 160}) {
    auto other = Join(Join(prompt, first.completion.tokens), RandomIds(vocab, 200, 2));
    other.resize(shared);
    other = Join(other, RandomIds(vocab, 140, 3));
    const Observed resumed = Generate(*engine, other, Load(*engine).sequence);
    EXPECT_EQ(resumed.completion.stats.cached_tokens, shared == 150 ? 149 : 155);
    EXPECT_EQ(resumed.logprobs, Generate(*engine, other, nullptr).logprobs) << shared;
  }
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, SessionTest,
                         testing::Values("tests/goldens/nano-flash", "tests/goldens/nano-pro",
                                         "tests/models/recall"),
                         [](const auto& parameter) {
                           std::string name = fs::path(parameter.param).filename();
                           std::erase(name, '-');
                           return name;
                         });

constexpr const char* kNano = "tests/goldens/nano-flash";

// An old session in a file, and a newer one that is about to replace it.
class TornSession : public SessionTest {
 protected:
  TornSession() {
    const int64_t vocab = engine_->info().vocab_size;
    Generate(*engine_, RandomIds(vocab, 30, 1), old_);
    Generate(*engine_, RandomIds(vocab, 140, 2), new_);
    Save(*engine_, *new_);
    new_bytes_ = ReadBytes(path_);
    Save(*engine_, *old_);
    old_bytes_ = ReadBytes(path_);
    const auto config = model::LoadConfig(SourcePath(kNano));
    fingerprint_ = *model::ComputeFingerprint(*config, SourcePath(kNano));
  }

  // The bytes before which something may happen: at every border of the new file and beside it, and
  // at every so many bytes.
  std::vector<size_t> Borders() const {
    const auto file = std::as_bytes(std::span(new_bytes_));
    std::vector<size_t> borders = {0, 1, 7, 8, 9, 11, 12, 15, 16, 23, 24, 25};
    for (const size_t border : kv::FindSections(file))
      for (const size_t near : {border - 1, border, border + 1})
        if (near < file.size()) borders.push_back(near);
    for (size_t i = 0; i < file.size(); i += 4099) borders.push_back(i);
    return borders;
  }

  base::Status WriteNew(FaultyOperations& operations) const {
    return engine::WriteSequence(*new_, "", fingerprint_, path_, operations);
  }

  std::unique_ptr<engine::Engine> engine_ = Open(kNano);
  std::shared_ptr<engine::Sequence> old_ = engine_->NewSequence();
  std::shared_ptr<engine::Sequence> new_ = engine_->NewSequence();
  std::string old_bytes_;
  std::string new_bytes_;
  base::Digest fingerprint_;
};

TEST_F(TornSession, ACrashWhileWritingLeavesTheOldSession) {
  ASSERT_GT(kv::FindSections(std::as_bytes(std::span(new_bytes_))).size(), 10U);
  for (const size_t border : Borders()) {
    FaultyOperations crash(FaultyOperations::Fault::kCrash, static_cast<int64_t>(border));
    EXPECT_FALSE(WriteNew(crash).ok());
    ASSERT_EQ(Load(*engine_).sequence->tokens, old_->tokens) << border;
    for (const std::string& name : Names())
      if (name != "session") fs::remove(folder_ / name);
  }
}

TEST_F(TornSession, ACrashAtAnyCallLeavesOneOfTheTwo) {
  bool is_new = false;
  for (int64_t call = 0;; ++call) {
    Save(*engine_, *old_);
    FaultyOperations crash(FaultyOperations::Fault::kCrash, FaultyOperations::kUnlimited, call);
    static_cast<void>(WriteNew(crash).ok());
    const bool was_new = is_new;
    is_new = ReadBytes(path_) == new_bytes_;
    EXPECT_TRUE(is_new || ReadBytes(path_) == old_bytes_);
    EXPECT_EQ(Load(*engine_).sequence->tokens, is_new ? new_->tokens : old_->tokens);
    EXPECT_TRUE(is_new || !was_new) << "once renamed, always renamed";
    for (const std::string& name : Names())
      if (name != "session") fs::remove(folder_ / name);
    if (!crash.struck()) break;
  }
  EXPECT_TRUE(is_new);
}

TEST_F(TornSession, AFullDiskLeavesTheOldSessionAndNothingElse) {
  for (const size_t border : Borders()) {
    FaultyOperations full(FaultyOperations::Fault::kError, static_cast<int64_t>(border));
    const base::Status status = WriteNew(full);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().message, path_ + ": cannot write: No space left on device");
    EXPECT_TRUE(ReadBytes(path_) == old_bytes_);
    EXPECT_THAT(Names(), ElementsAre("session"));
  }
}

// What a file system may leave that reorders writes, or a copy that was interrupted.
TEST_F(TornSession, AFileThatIsNotWholeIsRefused) {
  for (const size_t border : Borders()) {
    WriteBytes(path_, new_bytes_.substr(0, border));
    LoadError(*engine_);
    // The length is there, the bytes are not.
    WriteBytes(path_, new_bytes_.substr(0, border) + std::string(new_bytes_.size() - border, '\0'));
    LoadError(*engine_);
    // The new file's beginning, and then the old one's bytes.
    const std::string mixed =
        new_bytes_.substr(0, border) + old_bytes_.substr(std::min(border, old_bytes_.size()));
    if (mixed == old_bytes_ || mixed == new_bytes_) continue;
    WriteBytes(path_, mixed);
    LoadError(*engine_);
  }
}

TEST_F(TornSession, SaysWhyAFileIsRefused) {
  const auto other = Open("tests/goldens/nano-pro");
  EXPECT_EQ(LoadError(*other), path_ + ": belongs to another checkpoint");
  std::string bytes = old_bytes_;
  bytes[8] = 9;
  WriteBytes(path_, bytes);
  EXPECT_EQ(LoadError(*engine_),
            path_ + ": a session file of version 9; this program reads version 1");
  bytes = old_bytes_;
  bytes[bytes.size() / 2] ^= 1;
  WriteBytes(path_, bytes);
  EXPECT_THAT(LoadError(*engine_), HasSubstr("does not match its checksum"));
  WriteBytes(path_, "{\"messages\": []}");
  EXPECT_EQ(LoadError(*engine_), path_ + ": not a session file");
  fs::remove(path_);
  EXPECT_THAT(LoadError(*engine_), HasSubstr("No such file"));
  fs::create_directory(path_);
  EXPECT_THAT(LoadError(*engine_), HasSubstr("not a regular file"));
  std::string error;
  EXPECT_FALSE(engine_->SaveSession(*old_, "", path_, &error));
  EXPECT_EQ(error, path_ + ": not a regular file");
  EXPECT_FALSE(engine_->SaveSession(*old_, "", folder_ / "no/such", &error));
  EXPECT_EQ(error, folder_ / "no/such: cannot create: No such file or directory");
}

TEST_F(TornSession, OnlyTheUserMayReadIt) {
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST_F(TornSession, AnEmptySequenceCanBeSavedToo) {
  Save(*engine_, *engine_->NewSequence());
  const auto prompt = RandomIds(engine_->info().vocab_size, 20, 4);
  const Observed resumed = Generate(*engine_, prompt, Load(*engine_).sequence);
  EXPECT_EQ(resumed.logprobs, Generate(*engine_, prompt, nullptr).logprobs);
}

}  // namespace
}  // namespace fathom::tests
