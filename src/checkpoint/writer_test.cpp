#include "checkpoint/writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <random>

#include "base/file.h"
#include "checkpoint/directory.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/test_files.h"

namespace fathom::checkpoint {
namespace {

using tensor::DType;
using tensor::Shape;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::vector<std::string> ListFiles(const TemporaryFolder& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    names.push_back(entry.path().filename().string());
  return names;
}

std::string RandomBytes(size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

const std::vector<TensorSpec>& SomeTensors() {
  static const std::vector<TensorSpec> tensors = {
      {"b.weight", DType::kF8E4M3, {3, 5}},
      {"b.scale", DType::kF8E8M0, {1, 1}},
      {"quoted \"\\ name", DType::kI64, {2, 2}},
      {"empty", DType::kF32, {0, 9}},
      {"scalar", DType::kBF16, {}},
      {"a", DType::kF32, {7}},
  };
  return tensors;
}
constexpr size_t kSomeBytes = 15 + 1 + 32 + 0 + 2 + 28;

std::string StoredBytes(const TensorDirectory& directory) {
  std::string bytes;
  for (const TensorSpec& spec : SomeTensors()) {
    const StoredTensor* stored = directory.Find(spec.name);
    if (stored == nullptr) return "no " + spec.name;
    EXPECT_EQ(stored->view.dtype, spec.dtype);
    EXPECT_EQ(stored->view.shape, spec.shape);
    bytes.append(reinterpret_cast<const char*>(stored->view.data),
                 static_cast<size_t>(stored->view.bytes()));
  }
  return bytes;
}

// Appends all of `data` in pieces of random sizes.
template <typename Writer>
void AppendInPieces(Writer& writer, std::string_view data, unsigned seed) {
  std::mt19937 random(seed);
  while (!data.empty()) {
    const size_t piece = std::min<size_t>(data.size(), random() % 9);
    const base::Status status = writer.Append(AsBytes(data.substr(0, piece)));
    ASSERT_TRUE(status.ok()) << status.error().message;
    data.remove_prefix(piece);
  }
}

TEST(SafetensorsWriter, RoundTripsWhateverThePieces) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    const TemporaryFolder folder;
    const std::string data = RandomBytes(kSomeBytes, seed);
    auto writer = SafetensorsWriter::Create(folder / "model.safetensors", SomeTensors());
    ASSERT_TRUE(writer.ok()) << writer.error().message;
    AppendInPieces(*writer, data, seed);
    ASSERT_TRUE(writer->Commit().ok());
    const auto directory = TensorDirectory::Open(folder.path());
    ASSERT_TRUE(directory.ok()) << directory.error().message;
    EXPECT_EQ(StoredBytes(*directory), data);
    EXPECT_EQ(directory->tensors().size(), SomeTensors().size());
  }
}

TEST(SafetensorsWriter, BeginsTheDataOnACacheLine) {
  const TemporaryFolder folder;
  const std::string path = folder / "x.safetensors";
  for (const char* name : {"a", "ab", "abcdefghijklmnopqrstuvwxyz"}) {
    const std::string data = "1234";
    const NamedTensor tensor{name, {DType::kU8, {4}, AsBytes(data).data()}};
    ASSERT_TRUE(WriteSafetensors(path, {&tensor, 1}).ok());
    const auto file = base::MappedFile::Open(path);
    ASSERT_TRUE(file.ok());
    const auto entries = ParseSafetensors(file->bytes(), path);
    ASSERT_TRUE(entries.ok()) << entries.error().message;
    EXPECT_EQ(entries->at(0).begin % 64, 0u);
    EXPECT_EQ(std::memcmp(file->bytes().data() + entries->at(0).begin, data.data(), 4), 0);
  }
}

TEST(SafetensorsWriter, LeavesNothingBehindUnlessCommitted) {
  const TemporaryFolder folder;
  WriteBytes(folder / "x.safetensors", "old");
  {
    auto writer = SafetensorsWriter::Create(folder / "x.safetensors", SomeTensors());
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE(writer->Append(AsBytes(std::string(kSomeBytes, 'x'))).ok());
  }
  EXPECT_THAT(ListFiles(folder), UnorderedElementsAre("x.safetensors"));
  EXPECT_EQ(base::ReadFile(folder / "x.safetensors").value(), "old");
}

TEST(SafetensorsWriter, ReportsWhereItCannotWrite) {
  const auto writer = SafetensorsWriter::Create("/nowhere/x.safetensors", SomeTensors());
  ASSERT_FALSE(writer.ok());
  EXPECT_THAT(writer.error().message, HasSubstr("/nowhere/x.safetensors"));

  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "x.safetensors");
  const base::Status status = WriteSafetensors(folder / "x.safetensors", {});
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr("x.safetensors"));
  EXPECT_THAT(ListFiles(folder), UnorderedElementsAre("x.safetensors"));
}

// Stands for a full disk: this process may not grow a file beyond `bytes`.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_{};
};

TEST(ShardedWriter, ReportsAFullDiskAndCleansUp) {
  const TemporaryFolder folder;
  const std::vector<TensorSpec> tensors = {{"a", DType::kU8, {100}}, {"b", DType::kU8, {5000}}};
  const std::string data(5100, 'x');
  {
    const FileSizeLimit limit(4096);
    auto writer = ShardedWriter::Create(folder.path(), tensors, {.max_shard_bytes = 1000});
    ASSERT_TRUE(writer.ok()) << writer.error().message;
    const base::Status status = writer->Append(AsBytes(data));
    ASSERT_FALSE(status.ok());
    EXPECT_THAT(status.error().message, HasSubstr("model-00002-of-00002.safetensors"));
    EXPECT_THAT(status.error().message, HasSubstr("cannot write"));
  }
  EXPECT_THAT(ListFiles(folder), IsEmpty());
}

TEST(ShardedWriter, RoundTripsForEveryShardSize) {
  const std::string data = RandomBytes(kSomeBytes, 1);
  for (uint64_t max_shard_bytes : {1, 16, 17, 33, 50, 1000}) {
    const TemporaryFolder folder;
    const std::string inner = folder / "made/on demand";
    auto writer = ShardedWriter::Create(inner, SomeTensors(), {.max_shard_bytes = max_shard_bytes});
    ASSERT_TRUE(writer.ok()) << writer.error().message;
    AppendInPieces(*writer, data, 2);
    const base::Status finished = writer->Finish();
    ASSERT_TRUE(finished.ok()) << finished.error().message;
    const auto directory = TensorDirectory::Open(inner);
    ASSERT_TRUE(directory.ok()) << directory.error().message;
    EXPECT_EQ(StoredBytes(*directory), data);
    EXPECT_EQ(directory->total_bytes(), kSomeBytes);
    std::vector<uint64_t> bytes, counts;
    for (const StoredTensor& tensor : directory->tensors()) {
      bytes.resize(std::max(bytes.size(), tensor.file + 1));
      counts.resize(bytes.size());
      bytes[tensor.file] += static_cast<uint64_t>(tensor.view.bytes());
      counts[tensor.file] += tensor.view.bytes() > 0;
    }
    for (size_t i = 0; i < bytes.size(); ++i)
      EXPECT_TRUE(bytes[i] <= max_shard_bytes || counts[i] == 1) << "shard " << i;
  }
}

TEST(ShardedWriter, ShowsNothingBeforeItIsFinished) {
  const TemporaryFolder folder;
  {
    auto writer = ShardedWriter::Create(folder.path(), SomeTensors(), {.max_shard_bytes = 16});
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE(writer->Append(AsBytes(std::string(40, 'x'))).ok());
    for (const std::string& name : ListFiles(folder)) EXPECT_THAT(name, HasSubstr(".partial"));
    EXPECT_FALSE(TensorDirectory::Open(folder.path()).ok());
  }
  EXPECT_THAT(ListFiles(folder), IsEmpty());
}

TEST(ShardedWriter, ReplacesAnOlderCheckpoint) {
  const TemporaryFolder folder;
  for (const char fill : {'a', 'b'}) {
    auto writer = ShardedWriter::Create(folder.path(), SomeTensors(),
                                        {.max_shard_bytes = fill == 'a' ? 16u : 1000u});
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE(writer->Append(AsBytes(std::string(kSomeBytes, fill))).ok());
    ASSERT_TRUE(writer->Finish().ok());
  }
  const auto directory = TensorDirectory::Open(folder.path());
  ASSERT_TRUE(directory.ok()) << directory.error().message;
  EXPECT_EQ(StoredBytes(*directory), std::string(kSomeBytes, 'b'));
}

}  // namespace
}  // namespace fathom::checkpoint
