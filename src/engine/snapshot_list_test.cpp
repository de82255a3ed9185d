#include "engine/snapshot_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace fathom::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr SnapshotLimits kNoLimits = {.count = 1000, .bytes = 1 << 20};

SnapshotList::Item OfLength(int64_t length, size_t bytes = 1) {
  return std::make_shared<kv::Snapshot>(
      kv::Snapshot{.length = length, .mtp_length = 0, .state = std::vector<std::byte>(bytes)});
}

SnapshotList Make(std::initializer_list<int64_t> lengths) {
  SnapshotList list;
  for (const int64_t length : lengths) list.Add(OfLength(length), kNoLimits);
  return list;
}

std::vector<int64_t> Lengths(const SnapshotList& list) {
  std::vector<int64_t> lengths;
  for (const auto& snapshot : list.items()) lengths.push_back(snapshot->length);
  return lengths;
}

TEST(SnapshotList, FindsTheLongestThatFits) {
  const SnapshotList list = Make({10, 20, 40});
  EXPECT_EQ(list.FindAtOrBefore(9), nullptr);
  EXPECT_EQ(list.FindAtOrBefore(10)->length, 10);
  EXPECT_EQ(list.FindAtOrBefore(39)->length, 20);
  EXPECT_EQ(list.FindAtOrBefore(1000)->length, 40);
}

TEST(SnapshotList, DropsWhatTheSequenceNoLongerHolds) {
  SnapshotList list = Make({10, 20, 40});
  SnapshotList copy = list;
  list.DropAfter(20);
  EXPECT_THAT(Lengths(list), ElementsAre(10, 20));
  list.DropAfter(0);
  EXPECT_THAT(Lengths(list), IsEmpty());
  EXPECT_THAT(Lengths(copy), ElementsAre(10, 20, 40));
}

TEST(SnapshotList, KeepsTheNewestWhateverItTakes) {
  SnapshotList list;
  list.Add(OfLength(10, 50), {.count = 9, .bytes = 100});
  list.Add(OfLength(20, 50), {.count = 9, .bytes = 100});
  EXPECT_EQ(list.bytes(), 100);
  list.Add(OfLength(30, 400), {.count = 9, .bytes = 100});
  EXPECT_THAT(Lengths(list), ElementsAre(30));
}

// From any position of a long sequence, the way back to a snapshot is a share of the way back from
// the end.
TEST(SnapshotList, ThinsOutWhatIsFarBack) {
  constexpr int64_t kStep = 2048;
  constexpr int64_t kCount = 16;
  SnapshotList list;
  for (int64_t length = kStep; length <= 1 << 20; length += kStep) {
    list.Add(OfLength(length), {.count = kCount, .bytes = 1 << 20});
    ASSERT_LE(list.items().size(), static_cast<size_t>(kCount));
  }
  const std::vector<int64_t> lengths = Lengths(list);
  ASSERT_EQ(lengths.back(), 1 << 20);
  EXPECT_EQ(lengths.back() - lengths[lengths.size() - 2], kStep);
  int64_t before = 0;
  for (const int64_t length : lengths) {
    const double way_back = static_cast<double>((1 << 20) - before);
    EXPECT_LE(length - before, std::max<double>(kStep, 0.6 * way_back)) << length;
    before = length;
  }
}

}  // namespace
}  // namespace fathom::engine
