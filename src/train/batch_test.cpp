#include "train/batch.h"

#include <gtest/gtest.h>

#include <set>

namespace fathom::train {
namespace {

constexpr int64_t kSequence = 4096;
constexpr int64_t kGrain = 128;

std::vector<int64_t> Positions(int64_t reach, uint64_t seed) {
  const at::Tensor positions = MakePositions(kSequence, reach, kGrain, seed);
  return {positions.data_ptr<int64_t>(), positions.data_ptr<int64_t>() + positions.numel()};
}

TEST(MakePositionsTest, CountsWithoutReach) {
  const auto positions = Positions(0, 1);
  ASSERT_EQ(positions.size(), size_t{kSequence});
  for (size_t i = 0; i < positions.size(); ++i) EXPECT_EQ(positions[i], static_cast<int64_t>(i));
  EXPECT_EQ(Positions(kSequence, 1), positions);
}

// No block of a compressor is torn, and none is beyond what a model of that context has seen.
TEST(MakePositionsTest, JumpsBetweenBlocksWithinReach) {
  constexpr int64_t kReach = 1 << 20;
  std::set<int64_t> gaps;
  int64_t far = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const auto positions = Positions(kReach, seed);
    int64_t count = 0;
    for (size_t i = 1; i < positions.size(); ++i) {
      const int64_t jump = positions[i] - positions[i - 1] - 1;
      ASSERT_GE(jump, 0);
      if (jump == 0) continue;
      ++count;
      EXPECT_EQ(positions[i] % kGrain, 0);
      EXPECT_EQ(jump % kGrain, 0);
    }
    gaps.insert(count);
    EXPECT_EQ(positions[0] % kGrain, 0);
    EXPECT_LT(positions.back(), kReach);
    far += positions.back() - positions[0] >= kReach / 2 ? 1 : 0;
  }
  EXPECT_EQ(*gaps.rbegin(), 4);
  EXPECT_GT(far, 40) << "a text of half a million tokens is to be nothing rare";
  EXPECT_LT(far, 120);
}

}  // namespace
}  // namespace fathom::train
