#include "kv/prefix_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace fathom::kv {
namespace {

using testing::UnorderedElementsAre;
using Tokens = std::vector<int32_t>;

// Tokens first, first + 1, ...
Tokens Count(int32_t first, int64_t count) {
  Tokens tokens;
  for (int64_t i = 0; i < count; ++i) tokens.push_back(first + static_cast<int32_t>(i));
  return tokens;
}

Tokens Join(Tokens left, const Tokens& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

// A position with a snapshot of 1,000 bytes and 10 bytes of rows for each token.
Position MakePosition(int64_t length) {
  Position position;
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->length = length;
  snapshot->state.resize(1000);
  position.snapshot = std::move(snapshot);
  position.layers.push_back({PagedRecords(10, 16), {}});
  position.layers[0].rows.Append(length);
  return position;
}

class PrefixCacheTest : public testing::Test {
 protected:
  void Add(const Tokens& tokens) { cache_.Add(tokens, MakePosition(std::ssize(tokens))); }
  int64_t Use(const Tokens& tokens) {
    const auto item = cache_.Use(tokens);
    return item == nullptr ? 0 : item->length();
  }

  PrefixCache cache_;
};

TEST_F(PrefixCacheTest, FindsTheLongestPosition) {
  EXPECT_EQ(Use(Count(0, 50)), 0);
  Add(Count(0, 20));
  Add(Count(0, 40));
  EXPECT_EQ(Use(Count(0, 50)), 40);
  EXPECT_EQ(Use(Count(0, 39)), 20);
  EXPECT_EQ(Use(Count(1, 50)), 0);
  EXPECT_EQ(cache_.Find(Count(0, 39))->length(), 20);
  EXPECT_EQ(cache_.FindExact(Count(0, 20))->length(), 20);
  EXPECT_EQ(cache_.FindExact(Count(0, 21)), nullptr);
  EXPECT_EQ(cache_.size(), 2);
}

TEST_F(PrefixCacheTest, GivesUpWhatSavesLeastForItsBytes) {
  Add(Count(0, 500));
  Add(Count(1000, 20));
  Add(Count(0, 499));  // beside the first it saves 499 tokens, and its rows are shared
  EXPECT_TRUE(cache_.EvictLeast());
  EXPECT_EQ(Use(Count(0, 600)), 499) << "a token, for a snapshot";
  EXPECT_TRUE(cache_.EvictLeast());
  EXPECT_EQ(Use(Count(1000, 50)), 0);
  EXPECT_EQ(Use(Count(0, 499)), 499);
  EXPECT_TRUE(cache_.EvictLeast());
  EXPECT_FALSE(cache_.EvictLeast());
  EXPECT_EQ(cache_.size(), 0);
}

TEST_F(PrefixCacheTest, WhatIsUsedOftenStays) {
  Add(Count(0, 100));
  Add(Count(1000, 100));
  Add(Count(2000, 100));
  Use(Count(0, 100));
  Use(Count(2000, 100));
  EXPECT_TRUE(cache_.EvictLeast());
  EXPECT_EQ(Use(Count(1000, 100)), 0);
}

TEST_F(PrefixCacheTest, WhatWasUsedOftenLongAgoGoesInTheEnd) {
  Add(Count(0, 100));
  for (int i = 0; i < 20; ++i) Use(Count(0, 100));
  int32_t newest = 0;
  int survived = 0;
  while (cache_.FindExact(Count(0, 100)) != nullptr) {
    newest += 1000;
    Add(Count(newest, 100));
    if (cache_.size() > 2) cache_.EvictLeast();
    ASSERT_LT(++survived, 100);
  }
  EXPECT_GT(survived, 10);
  EXPECT_EQ(Use(Count(newest, 100)), 100);
}

TEST_F(PrefixCacheTest, WhatSomebodyHoldsStays) {
  Add(Count(0, 100));
  const auto held = cache_.FindExact(Count(0, 100));
  EXPECT_FALSE(cache_.EvictLeast());
  EXPECT_EQ(Use(Count(0, 100)), 100);
}

TEST_F(PrefixCacheTest, AddingAgainIsAUse) {
  Add(Count(0, 100));
  Add(Count(1000, 100));
  Add(Count(0, 100));
  EXPECT_EQ(cache_.size(), 2);
  EXPECT_TRUE(cache_.EvictLeast());
  EXPECT_EQ(Use(Count(0, 100)), 100);
}

TEST_F(PrefixCacheTest, NamesTheEndsOfAllPaths) {
  Add(Count(0, 50));
  Add(Join(Count(0, 50), Count(100, 5)));
  Add(Join(Count(0, 50), Count(200, 7)));
  std::vector<int64_t> lengths;
  cache_.ForEachLongest([&](const Tokens& tokens, const PrefixCache::Item& position) {
    EXPECT_EQ(std::ssize(tokens), position->length());
    lengths.push_back(position->length());
  });
  EXPECT_THAT(lengths, UnorderedElementsAre(55, 57));
}

}  // namespace
}  // namespace fathom::kv
