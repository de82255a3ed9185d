#include "server/repetition.h"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <vector>

namespace fathom::server {
namespace {

using Tokens = std::vector<int32_t>;

// The number of tokens after which it is found, if it is.
std::optional<size_t> FindIn(const Tokens& tokens, int64_t limit) {
  RepetitionDetector detector(limit);
  for (size_t i = 0; i < tokens.size(); ++i)
    if (detector.Add(tokens[i])) return i + 1;
  return std::nullopt;
}

// `before` different tokens, then `count` tokens of a piece of `period` over and over, which holds
// each of its tokens often.
Tokens MakeLoop(size_t before, size_t period, size_t count) {
  std::mt19937 random(static_cast<unsigned>(period));
  Tokens tokens;
  for (size_t i = 0; i < before; ++i) tokens.push_back(static_cast<int32_t>(100 + i));
  for (size_t i = 0; i < count; ++i)
    tokens.push_back(i < period ? static_cast<int32_t>(random() % 3)
                                : tokens[tokens.size() - period]);
  return tokens;
}

// The definition, step by step.
bool Repeats(const Tokens& tokens, size_t limit) {
  for (size_t period = 1; period <= RepetitionDetector::kMaxPeriod; ++period) {
    size_t same = std::min(period, tokens.size());
    while (same < tokens.size() &&
           tokens[tokens.size() - 1 - same] == tokens[tokens.size() - 1 - same + period])
      ++same;
    if (same >= limit && same >= period * RepetitionDetector::kMinTimes) return true;
  }
  return false;
}

TEST(Repetition, FindsPiecesOfAnyLength) {
  for (const size_t period : {1, 2, 3, 7, 64, 100, 511, 512}) {
    SCOPED_TRACE(period);
    const auto found = FindIn(MakeLoop(1000, period, 9000), 1024);
    ASSERT_TRUE(found);
    EXPECT_GE(*found, 1000 + 1024u);
    EXPECT_LT(*found, 1000 + std::max<size_t>(1024, 8 * period) + 64);
  }
}

TEST(Repetition, LeavesLongerPiecesAndDifferentTokens) {
  EXPECT_FALSE(FindIn(MakeLoop(0, 513, 20000), 1024));
  Tokens counted;
  for (int32_t i = 0; i < 20000; ++i) counted.push_back(i % 40 == 0 ? i : i % 40);
  EXPECT_FALSE(FindIn(counted, 1024));
}

TEST(Repetition, LeavesWhatTheLimitAllows) {
  EXPECT_FALSE(FindIn(MakeLoop(500, 2, 4000), 4096));
  EXPECT_TRUE(FindIn(MakeLoop(500, 2, 4200), 4096));
  EXPECT_FALSE(FindIn(MakeLoop(500, 2, 100000), 0));
  EXPECT_TRUE(FindIn(MakeLoop(0, 2, 110000), 100000));
  // A table of zeros, then something else, and again.
  Tokens tables;
  for (int i = 0; i < 10; ++i) {
    const Tokens table = MakeLoop(100, 2, 3000);
    tables.insert(tables.end(), table.begin(), table.end());
  }
  EXPECT_FALSE(FindIn(tables, 4096));
}

TEST(Repetition, IsWhatItsDefinitionSays) {
  std::mt19937 random(3);
  int repeated = 0;
  for (int round = 0; round < 60; ++round) {
    Tokens tokens = MakeLoop(random() % 100, 1 + random() % 90, 64 * (10 + random() % 10));
    tokens.resize(tokens.size() / 64 * 64);
    if (random() % 2 == 0) tokens[random() % tokens.size()] = 9;
    const bool expected = Repeats(tokens, 300);
    RepetitionDetector detector(300);
    bool last = false;
    for (const int32_t token : tokens) last = detector.Add(token);
    EXPECT_EQ(last, expected) << round;
    repeated += expected ? 1 : 0;
  }
  EXPECT_GT(repeated, 10);
  EXPECT_LT(repeated, 50);
}

}  // namespace
}  // namespace fathom::server
