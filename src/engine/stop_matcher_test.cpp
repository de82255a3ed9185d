#include "engine/stop_matcher.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace fathom::engine {
namespace {

// Everything that comes out when the text arrives in pieces of random lengths.
std::string RunInPieces(const std::vector<std::string>& stops, const std::string& text,
                        std::mt19937& random) {
  StopMatcher matcher(stops);
  std::string out;
  for (size_t at = 0; at < text.size() && !matcher.stopped();) {
    const size_t n = std::uniform_int_distribution<size_t>(1, 5)(random);
    out += matcher.Push(std::string_view(text).substr(at, n));
    at += n;
  }
  return out + matcher.Flush();
}

TEST(StopMatcher, EndsBeforeTheFirstStopHoweverTheTextArrives) {
  std::mt19937 random(4);
  for (int repeat = 0; repeat < 3000; ++repeat) {
    // Two letters: overlaps and near misses are common.
    const auto word = [&](size_t least, size_t most) {
      std::string text(std::uniform_int_distribution<size_t>(least, most)(random), 'a');
      for (char& c : text) c = random() % 2 == 0 ? 'a' : 'b';
      return text;
    };
    const std::string text = word(0, 30);
    const std::vector<std::string> stops = {word(1, 6), word(2, 8)};
    const size_t end = std::min(text.find(stops[0]), text.find(stops[1]));
    // A piece may complete a later, shorter stop before an earlier, longer one: then the end is the
    // first stop that was complete, which never begins before `end`.
    const std::string out = RunInPieces(stops, text, random);
    ASSERT_EQ(text.substr(0, out.size()), out);
    ASSERT_GE(out.size(), std::min(end, text.size()));
    ASSERT_EQ(out.size() == text.size(), end == std::string::npos);
  }
}

TEST(StopMatcher, HoldsBackOnlyWhatCouldBeAStop) {
  StopMatcher matcher({"END"});
  EXPECT_EQ(matcher.Push("the E"), "the ");
  EXPECT_EQ(matcher.Push("N"), "");
  EXPECT_EQ(matcher.Push("T"), "ENT");
  EXPECT_EQ(matcher.Push("xEN"), "x");
  EXPECT_EQ(matcher.Push("D more"), "");
  EXPECT_TRUE(matcher.stopped());
  EXPECT_EQ(matcher.Push("more"), "");
}

TEST(StopMatcher, WithoutStopsTextPassesThrough) {
  StopMatcher matcher({});
  EXPECT_EQ(matcher.Push("anything"), "anything");
  EXPECT_EQ(matcher.Flush(), "");
}

}  // namespace
}  // namespace fathom::engine
