#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "kernels/kernels_testing.h"

namespace fathom::kernels {
namespace {

// The definition: a stable sort by descending score.
std::vector<int32_t> SelectBySorting(const std::vector<float>& scores, int64_t count) {
  std::vector<int32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return scores[static_cast<size_t>(a)] > scores[static_cast<size_t>(b)];
  });
  order.resize(static_cast<size_t>(count));
  std::sort(order.begin(), order.end());
  return order;
}

class SelectTest : public TierTest {
 protected:
  void ExpectSame(const std::vector<float>& scores, int64_t count) {
    std::vector<int32_t> selected(static_cast<size_t>(count));
    tier().select_largest(scores.data(), static_cast<int64_t>(scores.size()), count,
                          selected.data());
    ASSERT_EQ(selected, SelectBySorting(scores, count)) << scores.size() << " " << count;
  }
};
FATHOM_TEST_ALL_TIERS(SelectTest);

TEST_P(SelectTest, AgreesWithSorting) {
  std::mt19937 random(5);
  for (int repeat = 0; repeat < 300; ++repeat) {
    const int n = std::uniform_int_distribution<int>(1, 700)(random);
    const int count = std::uniform_int_distribution<int>(1, n)(random);
    // Few distinct values: most selections end inside a run of ties.
    const int distinct = std::uniform_int_distribution<int>(1, 50)(random);
    std::vector<float> scores(static_cast<size_t>(n));
    for (float& score : scores)
      score = static_cast<float>(std::uniform_int_distribution<int>(-distinct, distinct)(random)) *
              0.37f;
    ExpectSame(scores, count);
    for (float& score : scores) score = std::normal_distribution<float>(0, 3)(random);
    ExpectSame(scores, count);
  }
}

TEST_P(SelectTest, BothZerosAreEqual) {
  ExpectSame({-0.0f, 0.0f, -1.0f, 0.0f, -0.0f}, 2);
  ExpectSame({-0.0f, -0.0f, 0.0f}, 1);
}

TEST_P(SelectTest, TakesAllAndInfinities) {
  const float infinity = std::numeric_limits<float>::infinity();
  ExpectSame({1, 2, 3}, 3);
  ExpectSame({-infinity, infinity, 1e38f, -1e38f, 1e-42f, -1e-42f}, 4);
}

TEST_P(SelectTest, AMillionTokensOfRows) {
  std::mt19937 random(6);
  std::vector<float> scores(262144);
  for (float& score : scores) score = std::max(0.0f, std::normal_distribution<float>(0, 1)(random));
  ExpectSame(scores, 512);
  ExpectSame(scores, 200000);  // ends among the zeros
}

}  // namespace
}  // namespace fathom::kernels
