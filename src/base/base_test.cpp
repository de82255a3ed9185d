#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <numeric>
#include <thread>
#include <vector>

#include "base/atomic_file.h"
#include "base/cores.h"
#include "base/file.h"
#include "base/temporary_folder_testing.h"
#include "base/thread_pool.h"

namespace fathom::base {
namespace {

Result<int> Half(int x) {
  if (x % 2 != 0) return MakeError("{} is odd", x);
  return x / 2;
}

Result<int> Quarter(int x) {
  FATHOM_ASSIGN(const int half, Half(x));
  FATHOM_ASSIGN(const int quarter, Half(half));
  return quarter;
}

TEST(Result, CarriesTheFirstError) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_EQ(Quarter(6).error().message, "3 is odd");
}

TEST(File, WritesAndReadsBack) {
  const TemporaryFolder folder;
  const std::string path = folder / "file";
  ASSERT_TRUE(ReplaceFile(path, "some bytes").ok());
  EXPECT_EQ(*ReadFile(path), "some bytes");
  auto mapped = MappedFile::Open(path);
  ASSERT_TRUE(mapped.ok());
  EXPECT_EQ(mapped->bytes().size(), 10u);
}

TEST(File, NamesWhatIsMissing) {
  EXPECT_EQ(MappedFile::Open("/nonexistent/x").error().message,
            "/nonexistent/x: cannot open: No such file or directory");
  EXPECT_EQ(MappedFile::Open("/tmp").error().message, "/tmp: not a regular file");
  EXPECT_FALSE(ReadFile("/tmp").ok());
}

TEST(ThreadPool, PinsItsThreadsButNotTheCallers) {
  const std::vector<int> all = AvailableCores();
  ThreadPool pool(3, ThreadPool::Pinning::kOneCoreEach);
  std::vector<std::vector<int>> cores(3);
  pool.Run([&](int worker) { cores[static_cast<size_t>(worker)] = AvailableCores(); });
  EXPECT_EQ(cores[0], all);
  for (size_t i = 1; i < cores.size(); ++i)
    EXPECT_EQ(cores[i], std::vector<int>{all[i % all.size()]});
}

TEST(ThreadPool, CountsItsBarriers) {
  ThreadPool pool(2);
  pool.ForEach(5, [](int64_t, int) {});
  pool.ForRanges(5, 1, [](int64_t, int64_t, int) {});
  pool.ForEach(1, [](int64_t, int) {});  // the caller's alone
  EXPECT_EQ(pool.barriers(), 2);
}

TEST(ThreadPool, CoversEveryItemOnce) {
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    for (int repeat = 0; repeat < 100; ++repeat) {
      std::vector<int> touched(257, 0);
      pool.ForRanges(257, 16, [&](int64_t begin, int64_t end, int worker) {
        EXPECT_LT(worker, threads);
        EXPECT_EQ(begin % 16, 0);
        for (int64_t i = begin; i < end; ++i) ++touched[static_cast<size_t>(i)];
      });
      pool.ForEach(257, [&](int64_t i, int) { ++touched[static_cast<size_t>(i)]; });
      EXPECT_EQ(std::accumulate(touched.begin(), touched.end(), 0), 2 * 257);
      EXPECT_EQ(*std::min_element(touched.begin(), touched.end()), 2);
    }
  }
}

TEST(ThreadPool, TakesWhatASlowThreadLeaves) {
  ThreadPool pool(2);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  std::atomic<int> done{0};
  pool.ForEach(100, [&](int64_t item, int) {
    while (item == 0 && done < 99 && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
    if (item == 0) {
      EXPECT_EQ(done, 99);
    }
    ++done;
  });
  EXPECT_EQ(done, 100);
}

}  // namespace
}  // namespace fathom::base
