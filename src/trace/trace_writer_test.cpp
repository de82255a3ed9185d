// Whatever becomes of the file, the engine goes on, and what was written can be read.
#include "trace/trace_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <vector>

#include "base/file_faults_testing.h"
#include "base/temporary_folder_testing.h"
#include "trace/trace_testing.h"

namespace fathom::trace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// What a request answers while the trace has trouble.
std::vector<int32_t> Answer(engine::EngineObserver* observer, int64_t tokens = 40) {
  EngineOptions options = TightOptions();
  options.observer = observer;
  const auto engine = engine::OpenNano(options);
  return engine::Generate(*engine, engine::MakeRequest(engine::RandomTokens(1, 50), tokens)).tokens;
}

TEST(TraceWriter, NobodyElseReadsTheFile) {
  const base::TemporaryFolder folder;
  const std::string path = folder / "trace";
  {
    const auto writer = TraceWriter::Create({.path = path}).value();
    Answer(writer.get());
  }
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_FALSE(ReadTrace(path).value().is_torn);
}

TEST(TraceWriter, ReplacesNothingAndLeavesNothing) {
  const base::TemporaryFolder folder;
  const std::string path = folder / "trace";
  std::ofstream(path) << "mine";
  EXPECT_EQ(TraceWriter::Create({.path = path}).error().message,
            path + ": cannot create: File exists");
  EXPECT_EQ(base::ReadFile(path).value(), "mine");
  TraceWriter::Create({.path = folder / "unused"}).value().reset();
  EXPECT_FALSE(std::filesystem::exists(folder / "unused"));
}

TEST(TraceWriter, EveryLineIsThereWhileTheEngineGoesOn) {
  const base::TemporaryFolder folder;
  const std::string path = folder / "trace";
  const auto writer = TraceWriter::Create({.path = path}).value();
  EXPECT_EQ(Answer(writer.get()).size(), 40u);
  // As another process would see it, without any goodbye.
  size_t tokens = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (tokens < 40 && std::chrono::steady_clock::now() < deadline) {
    const auto recording = ReadTrace(path);
    if (recording.ok() && !recording->requests.empty())
      tokens = recording->requests[0].tokens.size();
  }
  EXPECT_EQ(tokens, 40u);
}

TEST(TraceWriter, AFullDiskEndsTheTraceAlone) {
  const base::TemporaryFolder folder;
  const auto right = Answer(nullptr);
  for (const int64_t bytes : {0, 100, 1000, 2500}) {
    const std::string path = folder / std::to_string(bytes);
    base::FaultyOperations full(base::FaultyOperations::Fault::kError, bytes);
    std::vector<std::string> log;
    auto writer =
        TraceWriter::Create({.path = path,
                             .log = [&](std::string_view line) { log.emplace_back(line); },
                             .operations = &full})
            .value();
    EXPECT_EQ(Answer(writer.get()), right);
    writer.reset();
    EXPECT_THAT(log, ElementsAre(path + ": No space left on device; the trace ends here"));
    const auto recording = ReadTrace(path);
    EXPECT_EQ(recording.ok(), bytes >= 1000);
    if (recording.ok()) {
      EXPECT_TRUE(recording->is_torn);
    }
  }
}

// A disk that takes nothing before it is told to.
class StandingOperations final : public base::FileOperations {
 public:
  void Go() {
    const std::scoped_lock lock(mutex_);
    goes_ = true;
    changed_.notify_all();
  }
  int CreateNew(const std::string& path, mode_t mode, int* fd) override {
    return System().CreateNew(path, mode, fd);
  }
  int Write(int fd, std::span<const std::byte> bytes) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return goes_; });
    return System().Write(fd, bytes);
  }
  int Sync(int fd) override { return System().Sync(fd); }
  int Close(int fd) override { return System().Close(fd); }
  int Rename(const std::string& from, const std::string& to) override {
    return System().Rename(from, to);
  }
  int SyncDirectory(const std::string& path) override { return System().SyncDirectory(path); }
  int Remove(const std::string& path) override { return System().Remove(path); }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool goes_ = false;
};

TEST(TraceWriter, NobodyWaitsForASlowDisk) {
  const base::TemporaryFolder folder;
  const auto right = Answer(nullptr);
  for (const bool has_room : {true, false}) {
    const std::string path = folder / (has_room ? "room" : "none");
    StandingOperations disk;
    std::vector<std::string> log;
    auto writer =
        TraceWriter::Create({.path = path,
                             .log = [&](std::string_view line) { log.emplace_back(line); },
                             .most_waiting = has_room ? int64_t{1} << 20 : 8192,
                             .operations = &disk})
            .value();
    EXPECT_EQ(Answer(writer.get()), right) << "before the disk has taken a byte";
    disk.Go();
    writer.reset();
    if (has_room) {
      EXPECT_THAT(log, IsEmpty());
      EXPECT_EQ(ReadTrace(path).value().requests.at(0).tokens.size(), right.size());
    } else {
      EXPECT_THAT(log, ElementsAre(HasSubstr("the disk is too slow; the trace ends here")));
    }
  }
}

// A conversation that comes back is not written down again.
TEST(TraceWriter, PromptsAreWrittenAsFarAsTheyAreNew) {
  const base::TemporaryFolder folder;
  const std::string path = folder / "trace";
  std::vector<engine::Tokens> prompts = {engine::RandomTokens(1, 400)};
  {
    const auto writer = TraceWriter::Create({.path = path}).value();
    EngineOptions options = TightOptions();
    options.observer = writer.get();
    const auto engine = engine::OpenNano(options);
    for (int turn = 0; turn < 5; ++turn) {
      const auto done = engine::Generate(*engine, engine::MakeRequest(prompts.back(), 10));
      prompts.push_back(engine::Join(engine::Join(prompts.back(), done.tokens), {1, 2, 3}));
    }
  }
  const Recording recording = ReadTrace(path).value();
  ASSERT_EQ(recording.requests.size(), 5u);
  for (int64_t turn = 0; turn < 5; ++turn) {
    EXPECT_EQ(recording.PromptOf(turn + 1), prompts[static_cast<size_t>(turn)]);
    EXPECT_EQ(recording.request(turn + 1).request.prompt.size(), turn == 0 ? 400u : 3u);
  }
}

}  // namespace
}  // namespace fathom::trace
