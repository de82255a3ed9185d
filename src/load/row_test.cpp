#include "load/row.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace fathom::load {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(Percentiles, AreMeasuredValues) {
  std::vector<double> values(200);
  std::iota(values.rbegin(), values.rend(), 1);
  const auto found = FindPercentiles(values);
  EXPECT_EQ(found->p50, 100);
  EXPECT_EQ(found->p95, 190);
  EXPECT_EQ(found->p99, 198);
  EXPECT_EQ(FindPercentiles({3, 1})->p50, 1);
  EXPECT_EQ(FindPercentiles({3, 1, 2})->p50, 2);
  EXPECT_EQ(FindPercentiles({3, 1})->p95, 3);
  EXPECT_EQ(FindPercentiles({7})->p99, 7);
  EXPECT_FALSE(FindPercentiles({}));
}

/// Begun at 10, first text after `first`, then text each 0.1 s.
Exchange MakeExchange(double first, int64_t tokens) {
  Exchange exchange;
  exchange.begun = 10;
  exchange.first = 10 + first;
  exchange.gaps.assign(static_cast<size_t>(tokens - 1), 0.125);
  exchange.last = exchange.first + 0.125 * static_cast<double>(tokens - 1);
  exchange.ended = exchange.last + 0.5;
  exchange.answer.usage =
      Usage{.prompt_tokens = 100, .cached_tokens = 75, .completion_tokens = tokens};
  return exchange;
}

TEST(LoadRow, CountsFailuresInNoOtherFigure) {
  const Goals goals = {.first = 0.5, .token = 0.125};
  LoadRow row;
  row.Add(MakeExchange(0.5, 5), goals);
  row.Add(MakeExchange(0.75, 3), goals);
  Exchange failed = MakeExchange(0.25, 9);
  failed.status = 429;
  failed.Fail(Failure::kStatus, "too many");
  row.Add(failed, goals);
  failed.Fail(Failure::kClosed, "gone");
  row.Add(failed, goals);
  row.Add(failed, goals);
  row.seconds = 4;
  EXPECT_EQ(row.requests, 5);
  EXPECT_EQ(row.failed(), 3);
  EXPECT_THAT(row.failures, ElementsAre(Pair("HTTP 429", 1), Pair("closed", 2)));
  EXPECT_EQ(row.first_problem, "too many");
  EXPECT_THAT(row.first, ElementsAre(0.5, 0.75));
  EXPECT_THAT(row.whole, ElementsAre(1.5, 1.5));
  EXPECT_EQ(row.gaps.size(), 6u);
  EXPECT_EQ(row.output_rate(), 2);
  EXPECT_EQ(row.prompt_rate(), 50);
  EXPECT_EQ(row.good_rate(), 0.25);
  EXPECT_EQ(row.cached_share(), 0.75);
}

TEST(LoadRow, OfFailuresAloneHasNoShare) {
  LoadRow row;
  Exchange failed;
  failed.Fail(Failure::kTimeout, "late");
  row.Add(failed, {});
  EXPECT_EQ(row.output_rate(), 0);
  EXPECT_FALSE(row.cached_share());
}

TEST(Goals, BothHaveToBeMet) {
  const Exchange exchange = MakeExchange(0.5, 5);
  EXPECT_TRUE(Meets(exchange, {.first = 0.5, .token = 0.125}));
  EXPECT_FALSE(Meets(exchange, {.first = 0.4, .token = 0.125}));
  EXPECT_FALSE(Meets(exchange, {.first = 0.5, .token = 0.12}));
  EXPECT_TRUE(Meets(MakeExchange(0, 1), {.first = 0, .token = 0}));
}

}  // namespace
}  // namespace fathom::load
