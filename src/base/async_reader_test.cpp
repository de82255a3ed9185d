#include "base/async_reader.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <vector>

#include "base/atomic_file.h"
#include "base/open_file.h"
#include "base/sandbox_testing.h"
#include "base/temporary_folder_testing.h"

namespace fathom::base {
namespace {

constexpr size_t kFileBytes = 300'000;  // no multiple of a block

std::byte ByteAt(uint64_t offset) { return static_cast<std::byte>(offset * 7 + (offset >> 9)); }

class NumberedFile {
 public:
  NumberedFile() {
    std::vector<std::byte> bytes(kFileBytes);
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = ByteAt(i);
    auto out = AtomicFile::Create(path_);
    FATHOM_CHECK(out.ok() && out->Write(bytes).ok() && out->Commit().ok());
  }
  const std::string& path() const { return path_; }

 private:
  const TemporaryFolder folder_;
  const std::string path_ = folder_ / "numbers";
};

// Memory on block borders, as reads past the page cache need it.
class Blocks {
 public:
  explicit Blocks(size_t bytes)
      : data_(static_cast<std::byte*>(std::aligned_alloc(
            OpenFile::kDirectBlock, (bytes + OpenFile::kDirectBlock - 1) / OpenFile::kDirectBlock *
                                        OpenFile::kDirectBlock))) {}
  ~Blocks() { std::free(data_); }
  std::byte* data() { return data_; }

 private:
  std::byte* data_;
};

void ExpectBytes(const std::byte* data, uint64_t offset, size_t count) {
  for (size_t i = 0; i < count; ++i) ASSERT_EQ(data[i], ByteAt(offset + i)) << offset + i;
}

std::map<uint64_t, int> WaitForAll(AsyncReader& reader, size_t count) {
  std::map<uint64_t, int> errors;
  for (size_t i = 0; i < count; ++i) {
    const ReadCompletion completion = reader.Wait();
    EXPECT_TRUE(errors.emplace(completion.tag, completion.error).second) << completion.tag;
  }
  EXPECT_FALSE(reader.Poll());
  return errors;
}

enum class Kind { kRing, kThreads };

class AsyncReaderTest : public testing::TestWithParam<Kind> {
 protected:
  // Where the kernel refuses io_uring, that must be why there is no reader: a thread reader, which
  // is what the program then uses, takes its place.
  static std::unique_ptr<AsyncReader> Make() {
    return GetParam() == Kind::kRing ? MakeAsyncReader() : MakeThreadReader();
  }

  NumberedFile file_;
  std::unique_ptr<AsyncReader> reader_ = Make();
};

// More requests than any queue takes at a time.
TEST_P(AsyncReaderTest, ReadsManyRanges) {
  const auto file = OpenFile::Open(file_.path());
  ASSERT_TRUE(file.ok());
  constexpr size_t kCount = 700;
  constexpr size_t kBytes = 1000;
  std::vector<std::byte> memory(kCount * kBytes);
  std::vector<ReadRequest> requests;
  for (size_t i = 0; i < kCount; ++i)
    requests.push_back({.descriptor = file->descriptor(),
                        .offset = i * 397,
                        .buffer = memory.data() + i * kBytes,
                        .bytes = kBytes,
                        .needed = kBytes,
                        .tag = i});
  reader_->Submit(std::span(requests).first(500));
  reader_->Submit(std::span(requests).subspan(500));
  for (const auto& [tag, error] : WaitForAll(*reader_, kCount)) {
    EXPECT_EQ(error, 0);
    ExpectBytes(memory.data() + tag * kBytes, tag * 397, kBytes);
  }
}

TEST_P(AsyncReaderTest, TheEndOfTheFileIsEnoughOrAnError) {
  const auto plain = OpenFile::Open(file_.path());
  ASSERT_TRUE(plain.ok());
  const auto direct = plain->ReopenDirect();
  ASSERT_TRUE(direct.ok());
  for (const auto* file : {&plain, &direct}) {
    const size_t alignment = (*file)->is_direct() ? OpenFile::kDirectBlock : 1;
    const uint64_t begin = kFileBytes / OpenFile::kDirectBlock * OpenFile::kDirectBlock;
    const size_t left = kFileBytes - begin;
    Blocks memory(3 * OpenFile::kDirectBlock);
    ReadRequest request = {.descriptor = (*file)->descriptor(),
                           .offset = begin - OpenFile::kDirectBlock,
                           .buffer = memory.data(),
                           .bytes = 3 * OpenFile::kDirectBlock,
                           .needed = OpenFile::kDirectBlock + left,
                           .alignment = alignment};
    reader_->Submit({&request, 1});
    EXPECT_EQ(reader_->Wait().error, 0);
    ExpectBytes(memory.data(), request.offset, request.needed);
    ++request.needed;
    reader_->Submit({&request, 1});
    EXPECT_EQ(reader_->Wait().error, ReadCompletion::kEndOfFile);
  }
}

TEST_P(AsyncReaderTest, TellsWhatTheSystemRefuses) {
  const int folder = ::open("/tmp", O_RDONLY | O_DIRECTORY);
  ASSERT_GE(folder, 0);
  std::byte memory[8];
  const ReadRequest requests[] = {
      {.descriptor = folder, .buffer = memory, .bytes = 8, .needed = 8, .tag = 1},
      {.descriptor = -1, .buffer = memory, .bytes = 8, .needed = 8, .tag = 2}};
  reader_->Submit(requests);
  const auto errors = WaitForAll(*reader_, 2);
  EXPECT_EQ(errors.at(1), EISDIR);
  EXPECT_EQ(errors.at(2), EBADF);
  ::close(folder);
}

TEST_P(AsyncReaderTest, EndsWithReadsUnderWay) {
  const auto file = OpenFile::Open(file_.path());
  ASSERT_TRUE(file.ok());
  std::vector<std::byte> memory(kFileBytes);
  for (int repeat = 0; repeat < 20; ++repeat) {
    const auto reader = Make();
    std::vector<ReadRequest> requests;
    for (size_t i = 0; i < 300; ++i)
      requests.push_back({.descriptor = file->descriptor(),
                          .offset = i * 1000,
                          .buffer = memory.data() + i * 1000,
                          .bytes = 1000,
                          .needed = 1000});
    reader->Submit(requests);
  }
}

INSTANTIATE_TEST_SUITE_P(Readers, AsyncReaderTest, testing::Values(Kind::kRing, Kind::kThreads),
                         [](const auto& param_info) {
                           return param_info.param == Kind::kRing ? "Best" : "Threads";
                         });

// ---- Faults

TEST(MakeAsyncReader, UsesThreadsWhereRingsAreForbidden) {
  for (const int error : {EPERM, ENOSYS}) {
    RunInSandbox({.ring_error = error}, [] {
      EXPECT_EQ(MakeRingReader(), nullptr);
      EXPECT_STREQ(MakeAsyncReader()->name(), "threads");
    });
  }
}

// What a stubborn disk does: every call reads an odd number of bytes at most, and every second one
// is interrupted.
TEST(ThreadReader, GoesOnAfterShortAndInterruptedReads) {
  const NumberedFile numbered;
  const auto file = OpenFile::Open(numbered.path());
  ASSERT_TRUE(file.ok());
  std::atomic<int> calls{0};
  const auto reader = MakeThreadReader([&](int fd, void* out, size_t bytes, off_t offset) {
    if (calls.fetch_add(1) % 2 == 0) {
      errno = calls % 4 == 1 ? EINTR : EAGAIN;
      return ssize_t{-1};
    }
    return ::pread(fd, out, std::min<size_t>(bytes, 7001), offset);
  });
  std::vector<std::byte> memory(kFileBytes);
  const ReadRequest request = {.descriptor = file->descriptor(),
                               .buffer = memory.data(),
                               .bytes = kFileBytes,
                               .needed = kFileBytes};
  reader->Submit({&request, 1});
  EXPECT_EQ(reader->Wait().error, 0);
  ExpectBytes(memory.data(), 0, kFileBytes);
  EXPECT_GT(calls, 2 * static_cast<int>(kFileBytes) / 7001);
}

TEST(ThreadReader, PassesADisksErrorOn) {
  const auto reader = MakeThreadReader([](int, void*, size_t, off_t offset) {
    if (offset < 100) return ssize_t{50};
    errno = EIO;
    return ssize_t{-1};
  });
  std::vector<std::byte> memory(1000);
  const ReadRequest requests[] = {
      {.offset = 0, .buffer = memory.data(), .bytes = 100, .needed = 100, .tag = 1},
      {.offset = 50, .buffer = memory.data(), .bytes = 100, .needed = 100, .tag = 2}};
  reader->Submit(requests);
  const auto errors = WaitForAll(*reader, 2);
  EXPECT_EQ(errors.at(1), 0);
  EXPECT_EQ(errors.at(2), EIO);
}

// A read past the page cache has to begin at a block again after it was cut short.
TEST(ReadProgress, GoesBackToABlock) {
  Blocks memory(16384);
  ReadProgress progress({.offset = 8192,
                         .buffer = memory.data(),
                         .bytes = 16384,
                         .needed = 10000,
                         .alignment = 4096});
  EXPECT_FALSE(progress.Take(5000));
  EXPECT_EQ(progress.offset(), 8192u + 4096);
  EXPECT_EQ(progress.buffer(), memory.data() + 4096);
  EXPECT_EQ(progress.bytes(), 16384u - 4096);
  EXPECT_FALSE(progress.Take(-EINTR));
  EXPECT_FALSE(progress.Take(1000));  // 5096 in all
  EXPECT_EQ(progress.offset(), 8192u + 4096);
  const auto end = progress.Take(1000);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->error, ReadCompletion::kEndOfFile);
}

TEST(ReadProgress, IsDoneWhenWhatIsNeededIsThere) {
  std::byte memory[100];
  ReadProgress progress({.buffer = memory, .bytes = 100, .needed = 60, .tag = 9});
  EXPECT_FALSE(progress.Take(59));
  const auto end = progress.Take(1);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->tag, 9u);
  EXPECT_EQ(end->error, 0);
}

// ---- Files

TEST(OpenFile, ReadsAnywhereAndNamesItsEnd) {
  const NumberedFile numbered;
  const auto file = OpenFile::Open(numbered.path());
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->size(), kFileBytes);
  std::vector<std::byte> bytes(5000);
  ASSERT_TRUE(file->ReadAt(1234, bytes).ok());
  ExpectBytes(bytes.data(), 1234, bytes.size());
  std::filesystem::resize_file(numbered.path(), 4000);
  EXPECT_EQ(file->ReadAt(1234, bytes).error().message,
            numbered.path() + ": ends before byte 4000: truncated?");
  EXPECT_EQ(OpenFile::Open("/nonexistent/x").error().message,
            "/nonexistent/x: cannot open: No such file or directory");
  EXPECT_EQ(OpenFile::Open("/tmp").error().message, "/tmp: not a regular file");
}

TEST(OpenFile, ReadsThroughThePageCacheWhereNothingElseIsAllowed) {
  const NumberedFile numbered;
  const auto file = OpenFile::Open(numbered.path());
  ASSERT_TRUE(file.ok());
  RunInSandbox({.direct = false}, [&] {
    const auto plain = file->ReopenDirect();
    ASSERT_TRUE(plain.ok()) << plain.error().message;
    EXPECT_FALSE(plain->is_direct());
    std::vector<std::byte> bytes(5000);
    ASSERT_TRUE(plain->ReadAt(1234, bytes).ok());
    ExpectBytes(bytes.data(), 1234, bytes.size());
  });
}

// Whoever replaces a checkpoint under a running program does not mix two of them.
TEST(OpenFile, OpensTheSameFileOnceMoreAndNotItsName) {
  const NumberedFile numbered;
  const auto file = OpenFile::Open(numbered.path());
  ASSERT_TRUE(file.ok());
  std::filesystem::remove(numbered.path());
  const auto direct = file->ReopenDirect();
  ASSERT_TRUE(direct.ok()) << direct.error().message;
  Blocks memory(OpenFile::kDirectBlock);
  ASSERT_TRUE(direct->ReadAt(8192, {memory.data(), OpenFile::kDirectBlock}).ok());
  ExpectBytes(memory.data(), 8192, OpenFile::kDirectBlock);
}

}  // namespace
}  // namespace fathom::base
