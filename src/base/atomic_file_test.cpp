#include "base/atomic_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "base/digest.h"
#include "base/file.h"
#include "base/file_faults_testing.h"
#include "base/temporary_folder_testing.h"

namespace fathom::base {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

// A folder of the test's own with one file, "old".
class AtomicFileTest : public testing::Test {
 protected:
  AtomicFileTest() { EXPECT_TRUE(ReplaceFile(path_, "old").ok()); }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_.path()))
      names.push_back(entry.path().filename());
    return names;
  }
  mode_t ModeOf(const std::string& path) const {
    struct stat info {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0);
    return info.st_mode & 0777;
  }

  const TemporaryFolder folder_;
  const std::string path_ = folder_ / "file";
};

TEST_F(AtomicFileTest, ReplacesAtTheCommit) {
  auto file = AtomicFile::Create(path_);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file->Write("new ").ok() && file->Write("text").ok());
  EXPECT_EQ(*ReadFile(path_), "old");
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_EQ(*ReadFile(path_), "new text");
  EXPECT_THAT(Names(), ElementsAre("file"));
}

TEST_F(AtomicFileTest, LeavesNothingWithoutACommit) {
  {
    auto file = AtomicFile::Create(path_);
    ASSERT_TRUE(file.ok() && file->Write("new").ok());
    AtomicFile moved = std::move(file).value();
    EXPECT_EQ(Names().size(), 2U);
  }
  EXPECT_EQ(*ReadFile(path_), "old");
  EXPECT_THAT(Names(), ElementsAre("file"));
}

TEST_F(AtomicFileTest, TwoWritersDoNotMixAndTheLastOneWins) {
  auto one = AtomicFile::Create(path_);
  auto two = AtomicFile::Create(path_);
  ASSERT_TRUE(one.ok() && two.ok());
  ASSERT_TRUE(one->Write("on").ok() && two->Write("tw").ok());
  ASSERT_TRUE(two->Write("o").ok() && two->Commit().ok());
  EXPECT_EQ(*ReadFile(path_), "two");
  ASSERT_TRUE(one->Write("e").ok() && one->Commit().ok());
  EXPECT_EQ(*ReadFile(path_), "one");
}

TEST_F(AtomicFileTest, KeepsPermissionsAndFollowsLinks) {
  ASSERT_EQ(::chmod(path_.c_str(), 0600), 0);
  const std::string link = folder_ / "link";
  fs::create_symlink("file", link);
  ASSERT_TRUE(ReplaceFile(link, "through the link").ok());
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(*ReadFile(path_), "through the link");
  EXPECT_EQ(ModeOf(path_), 0600U);

  ASSERT_TRUE(ReplaceFile(folder_ / "private", "x", {.mode = 0600}).ok());
  EXPECT_EQ(ModeOf(folder_ / "private"), 0600U);
}

TEST_F(AtomicFileTest, RefusesWhatIsNoFile) {
  EXPECT_EQ(ReplaceFile("/dev/null", "x").error().message, "/dev/null: not a regular file");
  EXPECT_EQ(ReplaceFile(folder_.path(), "x").error().message,
            folder_.path() + ": not a regular file");
  EXPECT_EQ(ReplaceFile("/no/such/folder/file", "x").error().message,
            "/no/such/folder/file: cannot create: No such file or directory");
}

// Whichever call fails, the old file stays and the temporary one goes; only the last call comes too
// late for that.
TEST_F(AtomicFileTest, AnyFailureLeavesTheOldFileAlone) {
  int64_t calls = 0;
  for (;; ++calls) {
    ASSERT_TRUE(ReplaceFile(path_, "old").ok());
    FaultyOperations faulty(FaultyOperations::Fault::kError, FaultyOperations::kUnlimited, calls);
    const Status status = ReplaceFile(path_, "new", {.operations = &faulty});
    if (!faulty.struck()) break;
    ASSERT_FALSE(status.ok()) << calls;
    EXPECT_THAT(status.error().message, StartsWith(path_ + ": cannot "));
    const bool renamed = status.error().message.find("make its name last") != std::string::npos;
    EXPECT_EQ(*ReadFile(path_), renamed ? "new" : "old") << status.error().message;
    EXPECT_THAT(Names(), ElementsAre("file")) << status.error().message;
  }
  EXPECT_EQ(calls, 6) << "create, write, sync, close, rename, sync of the directory";
}

TEST_F(AtomicFileTest, AFullDiskLeavesTheOldFileAlone) {
  for (int64_t bytes = 0; bytes < 8; ++bytes) {
    FaultyOperations faulty(FaultyOperations::Fault::kError, bytes);
    const Status status = ReplaceFile(path_, "12345678", {.operations = &faulty});
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().message, path_ + ": cannot write: No space left on device");
    EXPECT_EQ(*ReadFile(path_), "old");
    EXPECT_THAT(Names(), ElementsAre("file"));
  }
}

TEST_F(AtomicFileTest, ACrashLeavesTheOldFileOrTheWholeNewOne) {
  for (int64_t calls = 0;; ++calls) {
    FaultyOperations faulty(FaultyOperations::Fault::kCrash, FaultyOperations::kUnlimited, calls);
    ASSERT_TRUE(ReplaceFile(path_, "old").ok());
    static_cast<void>(ReplaceFile(path_, "new", {.operations = &faulty}).ok());
    if (!faulty.struck()) break;
    EXPECT_EQ(*ReadFile(path_), calls < 5 ? "old" : "new");
    // The same process number, and yet no obstacle.
    ASSERT_TRUE(ReplaceFile(path_, "next").ok());
    EXPECT_EQ(*ReadFile(path_), "next");
    for (const std::string& name : Names())
      if (name != "file") fs::remove(folder_ / name);
  }
}

TEST(Digest, IsTheSameHoweverTheBytesComeAndIsXxh3) {
  const std::string text = "The quick brown fox jumps over the lazy dog, again and again.";
  const auto bytes = std::as_bytes(std::span(text));
  const Digest whole = ComputeDigest(bytes);
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    DigestBuilder builder;
    builder.Add(bytes.first(cut));
    builder.Add(bytes.subspan(cut));
    EXPECT_EQ(builder.Finish(), whole);
  }
  // The published value of the empty input.
  constexpr unsigned char kEmpty[] = {0x99, 0xaa, 0x06, 0xd3, 0x01, 0x47, 0x98, 0xd8,
                                      0x60, 0x01, 0xc3, 0x24, 0x46, 0x8d, 0x49, 0x7f};
  EXPECT_EQ(std::memcmp(ComputeDigest({}).data(), kEmpty, sizeof kEmpty), 0);
  EXPECT_EQ(DigestBuilder().Finish(), ComputeDigest({}));
}

}  // namespace
}  // namespace fathom::base
