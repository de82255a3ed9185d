#include "model/expert_layout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace fathom::model {
namespace {

using checkpoint::StoredTensor;

StoredTensor MakeTensor(size_t file, uint64_t offset, int64_t bytes) {
  return {
      .name = {}, .view = {tensor::DType::kU8, {bytes}, nullptr}, .file = file, .offset = offset};
}

StoredExpert PointAt(const std::vector<StoredTensor>& tensors) {
  StoredExpert expert{};
  for (size_t i = 0; i < expert.size(); ++i) expert[i] = &tensors[i];
  return expert;
}

TEST(ExpertLayout, NeighboursAreReadInOneStretch) {
  // w2 before w1, scales after the matrices.
  const std::vector<StoredTensor> tensors = {
      MakeTensor(3, 30'000, 10'000), MakeTensor(3, 50'000, 100),    MakeTensor(3, 20'000, 10'000),
      MakeTensor(3, 50'100, 100),    MakeTensor(3, 40'000, 10'000), MakeTensor(3, 50'200, 100)};
  const ExpertLayout layout = PlanExpert(PointAt(tensors));
  ASSERT_EQ(layout.stretches.size(), 1u);
  const FileStretch& stretch = layout.stretches[0];
  EXPECT_EQ(stretch.file, 3u);
  EXPECT_EQ(stretch.begin, 16'384u);
  EXPECT_EQ(stretch.end, 50'300u);
  EXPECT_EQ(stretch.bytes(), 53'248u - 16'384u);
  EXPECT_EQ(layout.tensor_offsets[2], 20'000u - 16'384u);
  EXPECT_EQ(layout.tensor_offsets[5], 50'200u - 16'384u);
}

TEST(ExpertLayout, DistantTensorsAreReadApart) {
  const std::vector<StoredTensor> tensors = {
      MakeTensor(0, 1000, 500),    MakeTensor(1, 1500, 500),    MakeTensor(0, 100'000, 500),
      MakeTensor(0, 200'000, 500), MakeTensor(0, 103'000, 500), MakeTensor(1, 90'000, 500)};
  const ExpertLayout layout = PlanExpert(PointAt(tensors));
  EXPECT_EQ(layout.stretches.size(), 5u);
}

// Wherever the tensors lie: each is inside a stretch, stretches keep to blocks and do not overlap
// in the slot.
TEST(ExpertLayout, HoldsEveryTensorInBlocks) {
  constexpr uint64_t kBlock = base::OpenFile::kDirectBlock;
  std::mt19937 random(1);
  for (int repeat = 0; repeat < 500; ++repeat) {
    std::vector<StoredTensor> tensors;
    std::vector<uint64_t> ends(2, random() % 10'000);
    for (size_t i = 0; i < 6; ++i) {
      const size_t file = random() % 2;
      const uint64_t offset = ends[file] + (random() % 2 == 0 ? 0 : random() % 20'000);
      const auto bytes = static_cast<int64_t>(1 + random() % 9000);
      tensors.push_back(MakeTensor(file, offset, bytes));
      ends[file] = offset + static_cast<uint64_t>(bytes);
    }
    std::shuffle(tensors.begin(), tensors.end(), random);
    const ExpertLayout layout = PlanExpert(PointAt(tensors));
    uint64_t slot_end = 0;
    for (const FileStretch& stretch : layout.stretches) {
      EXPECT_EQ(stretch.begin % kBlock, 0u);
      EXPECT_EQ(stretch.slot_offset, slot_end);
      EXPECT_EQ(stretch.bytes() % kBlock, 0u);
      EXPECT_GE(stretch.bytes(), stretch.needed());
      slot_end += stretch.bytes();
    }
    EXPECT_EQ(layout.slot_bytes, slot_end);
    for (size_t i = 0; i < 6; ++i) {
      const auto holds = [&](const FileStretch& s) {
        return s.file == tensors[i].file && s.begin <= tensors[i].offset &&
               tensors[i].offset + tensors[i].bytes() <= s.end &&
               layout.tensor_offsets[i] == s.slot_offset + (tensors[i].offset - s.begin);
      };
      EXPECT_EQ(std::ranges::count_if(layout.stretches, holds), 1) << i;
    }
  }
}

}  // namespace
}  // namespace fathom::model
