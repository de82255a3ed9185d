#include "text/json_meaning.h"

#include <gtest/gtest.h>

namespace fathom::text {
namespace {

TEST(JsonMeaning, SpellingDoesNotCount) {
  EXPECT_TRUE(MeansTheSame(R"({"a": 1, "b": [true, null]})", R"({"b":[true,null],"a":1.0})"));
  EXPECT_TRUE(MeansTheSame("1e2", "100"));
  EXPECT_TRUE(MeansTheSame(R"("\u0041")", R"("A")"));
  EXPECT_TRUE(MeansTheSame("no JSON", "no JSON"));
}

TEST(JsonMeaning, EverythingElseCounts) {
  EXPECT_FALSE(MeansTheSame(R"({"a": 1})", R"({"a": 2})"));
  EXPECT_FALSE(MeansTheSame(R"({"a": 1})", R"({"b": 1})"));
  EXPECT_FALSE(MeansTheSame(R"({"a": 1})", R"({"a": 1, "b": 1})"));
  EXPECT_FALSE(MeansTheSame("[1, 2]", "[2, 1]"));
  EXPECT_FALSE(MeansTheSame("[1]", "[1, 1]"));
  EXPECT_FALSE(MeansTheSame("1", "true"));
  EXPECT_FALSE(MeansTheSame("null", "false"));
  EXPECT_FALSE(MeansTheSame(R"("1")", "1"));
  EXPECT_FALSE(MeansTheSame("{", "{}"));
}

}  // namespace
}  // namespace fathom::text
