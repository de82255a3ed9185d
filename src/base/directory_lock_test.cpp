#include "base/directory_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string>

#include "base/temporary_folder_testing.h"

namespace fathom::base {
namespace {

TEST(DirectoryLock, OneAtATime) {
  const TemporaryFolder temporary;
  const std::string& folder = temporary.path();
  {
    auto first = DirectoryLock::Take(folder);
    ASSERT_TRUE(first.ok()) << first.error().message;
    EXPECT_EQ(DirectoryLock::Take(folder).error().message, folder + ": in use by another process");
    const DirectoryLock moved = std::move(first).value();
    EXPECT_FALSE(DirectoryLock::Take(folder).ok());
  }
  EXPECT_TRUE(DirectoryLock::Take(folder).ok());
  std::filesystem::remove_all(folder);
  EXPECT_THAT(DirectoryLock::Take(folder).error().message,
              testing::HasSubstr("/lock: cannot open: No such file"));
}

}  // namespace
}  // namespace fathom::base
