#include "checkpoint/fingerprint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "checkpoint/test_files.h"
#include "checkpoint/writer.h"

namespace fathom::checkpoint {
namespace {

using testing::HasSubstr;

// Two tensors; the first has 1,200 bytes.
struct Contents {
  std::string first_name = "a.weight";
  tensor::Shape shape = {30, 10};
  tensor::DType dtype = tensor::DType::kF32;
  std::vector<std::byte> data = std::vector<std::byte>(1200, std::byte{1});
};

base::Digest DigestOf(const Contents& contents, uint64_t max_shard_bytes = 1 << 20) {
  const TemporaryFolder folder;
  const TensorSpec tensors[] = {{contents.first_name, contents.dtype, contents.shape},
                                {"b.weight", tensor::DType::kF32, {2}}};
  auto writer = ShardedWriter::Create(folder.path(), {tensors[0], tensors[1]},
                                      {.max_shard_bytes = max_shard_bytes});
  const std::vector<std::byte> second(8, std::byte{2});
  EXPECT_TRUE(writer.ok() && writer->Append(contents.data).ok() && writer->Append(second).ok() &&
              writer->Finish().ok());
  const auto digest = DigestTensors(folder.path());
  EXPECT_TRUE(digest.ok());
  return *digest;
}

TEST(DigestTensors, SeesNamesTypesShapesAndTheFirstBytes) {
  const base::Digest digest = DigestOf({});
  EXPECT_EQ(DigestOf({}), digest);
  EXPECT_NE(DigestOf({.first_name = "c.weight"}), digest);
  EXPECT_NE(DigestOf({.shape = {10, 30}}), digest);
  EXPECT_NE(DigestOf({.dtype = tensor::DType::kI32}), digest);
  Contents changed;
  changed.data[kSampledBytes - 1] = std::byte{9};
  EXPECT_NE(DigestOf(changed), digest);
  changed = {};
  changed.data[kSampledBytes] = std::byte{9};
  EXPECT_EQ(DigestOf(changed), digest) << "as its contract says";
}

TEST(DigestTensors, DoesNotSeeFilesAndPrefixes) {
  const base::Digest digest = DigestOf({});
  EXPECT_EQ(DigestOf({}, 1000), digest) << "two shards";
  EXPECT_EQ(DigestOf({.first_name = "model.a.weight"}), digest);
}

TEST(DigestTensors, NeedsACheckpoint) {
  const TemporaryFolder folder;
  EXPECT_THAT(DigestTensors(folder.path()).error().message, HasSubstr("holds no checkpoint"));
}

}  // namespace
}  // namespace fathom::checkpoint
