#include "model/expert_slots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

namespace fathom::model {
namespace {

using testing::ElementsAre;

// A cache that fills at once: uses an expert, which takes what room there is.
bool Use(ExpertSlots& slots, int64_t expert, int64_t tokens = 1) {
  slots.UnpinAll();
  auto slot = slots.Find(expert);
  const bool hit = slot.has_value();
  if (!hit) {
    slot = slots.FindRoom(true);
    slots.BeginFill(*slot, expert);
    slots.EndFill(*slot);
  }
  slots.Use(*slot, tokens);
  return hit;
}

std::vector<int64_t> Held(const ExpertSlots& slots, int64_t experts) {
  std::vector<int64_t> held;
  for (int64_t e = 0; e < experts; ++e)
    if (slots.Find(e)) held.push_back(e);
  return held;
}

TEST(ExpertSlots, FillsEmptySlotsFirst) {
  ExpertSlots slots(3, 10);
  for (const int64_t expert : {7, 2, 9}) EXPECT_FALSE(Use(slots, expert));
  EXPECT_THAT(Held(slots, 10), ElementsAre(2, 7, 9));
  EXPECT_TRUE(Use(slots, 7));
}

TEST(ExpertSlots, EvictsTheColdestOfEarlierPasses) {
  ExpertSlots slots(3, 10);
  slots.BeginPass();
  Use(slots, 0, 2);
  Use(slots, 1, 1);
  Use(slots, 2, 3);
  slots.BeginPass();
  Use(slots, 5);
  EXPECT_THAT(Held(slots, 10), ElementsAre(0, 2, 5));
  // Within a pass history stands still: 5 has none yet.
  Use(slots, 6, 100);
  EXPECT_THAT(Held(slots, 10), ElementsAre(0, 2, 6));
  slots.BeginPass();
  Use(slots, 7);
  EXPECT_THAT(Held(slots, 10), ElementsAre(2, 6, 7));
}

TEST(ExpertSlots, KeepsHistoryOfWhatItEvicted) {
  ExpertSlots slots(2, 10);
  slots.BeginPass();
  Use(slots, 0, 5);
  Use(slots, 1, 4);
  Use(slots, 2, 1);  // in the place of 1, the one used last
  EXPECT_THAT(Held(slots, 10), ElementsAre(0, 2));
  slots.BeginPass();
  Use(slots, 1, 1);  // 2 is the coldest
  EXPECT_THAT(Held(slots, 10), ElementsAre(0, 1));
  Use(slots, 3, 1);  // 1 is the coldest now
  EXPECT_THAT(Held(slots, 10), ElementsAre(0, 3));
}

TEST(ExpertSlots, HistoryFades) {
  ExpertSlots slots(2, 10);
  slots.BeginPass();
  Use(slots, 0, 100);
  for (int pass = 0; pass < 1000; ++pass) {
    slots.BeginPass();
    Use(slots, 1, 1);
  }
  slots.BeginPass();
  Use(slots, 2);
  EXPECT_THAT(Held(slots, 10), ElementsAre(1, 2));
}

// A long prompt goes through all experts of all layers, pass by pass, in the same order: the least
// recently used one is then always the one that is needed next, and evicting it would keep nothing.
TEST(ExpertSlots, AScanLargerThanTheCacheLeavesMostOfItInPlace) {
  constexpr int64_t kExperts = 100;
  for (const bool uneven : {false, true}) {
    ExpertSlots slots(60, kExperts);
    int64_t hits = 0;
    for (int pass = 0; pass < 20; ++pass) {
      slots.BeginPass();
      for (int64_t e = 0; e < kExperts; ++e)
        if (Use(slots, e, uneven ? 1 + e % 7 : 4) && pass > 0) ++hits;
    }
    EXPECT_GE(hits, 19 * 58);
  }
}

TEST(ExpertSlots, PinnedOnesAndThoseBeingFilledStay) {
  ExpertSlots slots(3, 10);
  for (const int64_t expert : {0, 1, 2}) Use(slots, expert);
  slots.UnpinAll();
  slots.BeginPass();
  slots.Use(*slots.Find(0), 1);
  slots.Use(*slots.Find(1), 1);
  const auto room = slots.FindRoom(true);
  ASSERT_TRUE(room);
  EXPECT_EQ(slots.ExpertIn(*room), 2);
  slots.BeginFill(*room, 5);
  EXPECT_FALSE(slots.FindRoom(true));
  slots.EndFill(*room);
  EXPECT_EQ(slots.FindRoom(true), room);
  slots.UnpinAll();
  EXPECT_NE(slots.FindRoom(false), room);
}

TEST(ExpertSlots, WantedOnesStayUnlessNothingElseIsLeft) {
  ExpertSlots slots(2, 10);
  slots.BeginPass();
  Use(slots, 0, 1);
  Use(slots, 1, 9);
  slots.UnpinAll();
  slots.BeginPass();
  slots.Want(*slots.Find(0));
  EXPECT_EQ(slots.FindRoom(true), slots.Find(1));
  slots.Want(*slots.Find(1));
  EXPECT_FALSE(slots.FindRoom(false));
  EXPECT_EQ(slots.FindRoom(true), slots.Find(0));
  slots.BeginPass();  // whatever the last pass did not get to
  EXPECT_EQ(slots.FindRoom(false), slots.Find(0));
}

TEST(ExpertSlots, CountsWhatWasFilledAhead) {
  ExpertSlots slots(3, 10);
  slots.BeginPass();
  slots.BeginFill(0, 4);
  slots.BeginFill(1, 5);
  EXPECT_EQ(slots.filled_ahead(), 2);
  slots.EndFill(0);
  slots.EndFill(1);
  slots.Use(0, 1);
  EXPECT_EQ(slots.filled_ahead(), 1);
  slots.Clear(1);
  EXPECT_EQ(slots.filled_ahead(), 0);
  slots.BeginFill(2, 6);
  slots.BeginPass();
  EXPECT_EQ(slots.filled_ahead(), 0);
  slots.EndFill(2);
  slots.Use(2, 1);
  EXPECT_EQ(slots.filled_ahead(), 0);
}

// Whatever is asked of it, an expert is in one slot or none, and both sides agree on which.
TEST(ExpertSlots, StaysConsistent) {
  std::mt19937 random(3);
  ExpertSlots slots(7, 30);
  for (int step = 0; step < 20'000; ++step) {
    const auto expert = static_cast<int64_t>(random() % 30);
    const auto slot = slots.Find(expert);
    if (random() % 50 == 0) slots.BeginPass();
    if (random() % 4 == 0) slots.UnpinAll();
    if (!slot) {
      if (const auto room = slots.FindRoom(random() % 2 == 0)) slots.BeginFill(*room, expert);
    } else if (!slots.IsFilled(*slot)) {
      random() % 4 == 0 ? slots.Clear(*slot) : slots.EndFill(*slot);
    } else if (random() % 2 == 0) {
      slots.Use(*slot, 1);
    } else {
      slots.Want(*slot);
    }
    std::set<size_t> taken;
    for (int64_t e = 0; e < 30; ++e) {
      const auto held = slots.Find(e);
      if (!held) continue;
      EXPECT_EQ(slots.ExpertIn(*held), e);
      EXPECT_TRUE(taken.insert(*held).second);
    }
    EXPECT_LE(slots.filled_ahead(), static_cast<int64_t>(taken.size()));
    EXPECT_GE(slots.filled_ahead(), 0);
  }
}

}  // namespace
}  // namespace fathom::model
