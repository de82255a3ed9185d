#include "base/available_memory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <limits>

#include "base/atomic_file.h"
#include "base/temporary_folder_testing.h"

namespace fathom::base {
namespace {

/// A root with the files that tell about memory.
class AvailableMemoryTest : public testing::Test {
 protected:
  void SetUp() override {
    Write("/proc/meminfo", "MemTotal:  9000 kB\nMemFree:  10 kB\nMemAvailable:  5000 kB\n");
  }

  void Write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    ASSERT_TRUE(ReplaceFile(root_ + path, text).ok());
  }

  const TemporaryFolder folder_;
  const std::string root_ = folder_.path();
};

TEST_F(AvailableMemoryTest, WithoutGroupsIsWhatTheSystemHas) {
  EXPECT_EQ(AvailableMemory(root_), 5000u * 1024);
  EXPECT_EQ(AvailableMemory(root_ + "/nowhere"), std::numeric_limits<uint64_t>::max());
  EXPECT_GT(AvailableMemory(), 0u);
}

TEST_F(AvailableMemoryTest, AGroupsLimitCountsItsPageCacheAsAvailable) {
  Write("/proc/self/cgroup", "0::/a/b\n");
  Write("/sys/fs/cgroup/a/b/memory.max", "1000000\n");
  Write("/sys/fs/cgroup/a/b/memory.current", "700000\n");
  EXPECT_EQ(AvailableMemory(root_), 300000u);
  Write("/sys/fs/cgroup/a/b/memory.stat", "anon 1\ninactive_file 200000\nactive_file 100000\n");
  EXPECT_EQ(AvailableMemory(root_), 600000u);
}

TEST_F(AvailableMemoryTest, TheTightestOfTheGroupsAboveCounts) {
  Write("/proc/self/cgroup", "0::/a/b\n");
  Write("/sys/fs/cgroup/a/b/memory.max", "max\n");
  Write("/sys/fs/cgroup/a/b/memory.current", "10\n");
  Write("/sys/fs/cgroup/a/memory.max", "90000\n");
  Write("/sys/fs/cgroup/a/memory.current", "20000\n");
  EXPECT_EQ(AvailableMemory(root_), 70000u);
  Write("/sys/fs/cgroup/a/memory.current", "100000\n");
  EXPECT_EQ(AvailableMemory(root_), 0u);
}

TEST_F(AvailableMemoryTest, VersionOneIsUnderstoodInAContainerToo) {
  // The path is the host's; the container sees its own group as the root.
  Write("/proc/self/cgroup", "5:cpu:/docker/1\n4:memory:/docker/1\n");
  Write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "50000\n");
  Write("/sys/fs/cgroup/memory/memory.usage_in_bytes", "45000\n");
  Write("/sys/fs/cgroup/memory/memory.stat",
        "inactive_file 9\ntotal_inactive_file 1000\ntotal_active_file 0\n");
  EXPECT_EQ(AvailableMemory(root_), 6000u);
}

}  // namespace
}  // namespace fathom::base
