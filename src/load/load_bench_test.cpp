// Clients against the server of src/server.
#include "load/load_bench.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/server_testing.h"

namespace fathom::load {
namespace {

using server::ScriptedAnswer;
using server::TestServer;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

Target TargetAt(uint16_t port) {
  auto target = ParseTarget(fmt::format("http://127.0.0.1:{}", port));
  EXPECT_TRUE(target.ok());
  return *target;
}

TEST(LoadBench, GoesOnWithConversationsThatTheServerRemembers) {
  TestServer server(std::vector<ScriptedAnswer>{
      {.when = "", .reasoning = "one two", .content = "three four five"}});
  LoadOptions options = {.conversations = 2, .turns = 3, .prompt_tokens = 100, .seed = 5};
  options.goals = {.first = 1000, .token = 1000};
  auto bench = LoadBench::Open(TargetAt(server.port()), options);
  ASSERT_TRUE(bench.ok()) << bench.error().message;
  bench->Begin(3);
  int64_t told = 0;
  const auto cold = bench->Measure(Phase::kCold, [&](int64_t done, int64_t total) {
    EXPECT_EQ(done, ++told);
    EXPECT_EQ(total, 6);
  });
  ASSERT_TRUE(cold.ok()) << cold.error().message;
  EXPECT_EQ(told, 6);
  EXPECT_EQ(cold->failed(), 0) << cold->first_problem;
  EXPECT_EQ(cold->clients, 3);
  EXPECT_EQ(cold->requests, 6);
  EXPECT_EQ(cold->good, 6);
  EXPECT_EQ(cold->first.size(), 6u);
  EXPECT_GT(cold->gaps.size(), 6u);
  EXPECT_LT(*cold->cached_share(), 0.1);
  EXPECT_GT(cold->output_rate(), 0);

  const auto warm = bench->Measure(Phase::kWarm);
  ASSERT_TRUE(warm.ok()) << warm.error().message;
  EXPECT_EQ(warm->requests, 12);
  EXPECT_EQ(warm->failed(), 0) << warm->first_problem;
  EXPECT_GT(*warm->cached_share(), 0.8);
  for (size_t i = 0; i < warm->first.size(); ++i) EXPECT_GE(warm->whole[i], warm->first[i]);

  bench->Begin(1);
  EXPECT_LT(*bench->Measure(Phase::kCold)->cached_share(), 0.1);
}

TEST(LoadBench, CountsWhatAFullServerRefuses) {
  TestServer server({{.when = "", .content = "slow", .delay = 0.02}},
                    [](server::ServerOptions& options) {
                      options.engine.max_batch = 1;
                      options.engine.max_queue = 0;
                    });
  const LoadOptions options = {.conversations = 1, .turns = 2, .prompt_tokens = 100};
  auto bench = LoadBench::Open(TargetAt(server.port()), options);
  ASSERT_TRUE(bench.ok()) << bench.error().message;
  bench->Begin(4);
  const auto row = bench->Measure(Phase::kCold);
  ASSERT_TRUE(row.ok());
  EXPECT_EQ(row->requests, 4);
  EXPECT_GE(row->failed(), 1);
  EXPECT_LE(row->failed(), 3);
  EXPECT_THAT(row->failures, ElementsAre(Pair("HTTP 429", row->failed())));
}

TEST(LoadBench, CountsConnectionsThatAServerDoesNotWant) {
  TestServer server({{.when = "", .content = "slow", .delay = 0.02}},
                    [](server::ServerOptions& options) { options.http.max_connections = 4; });
  const LoadOptions options = {.conversations = 1, .turns = 2, .prompt_tokens = 100};
  auto bench = LoadBench::Open(TargetAt(server.port()), options);
  ASSERT_TRUE(bench.ok()) << bench.error().message;
  bench->Begin(12);
  const auto row = bench->Measure(Phase::kCold);
  ASSERT_TRUE(row.ok());
  EXPECT_EQ(row->requests, 12);
  EXPECT_GE(row->failed(), 12 - 4);
  EXPECT_THAT(row->failures, ElementsAre(Pair("closed", row->failed())));
}

TEST(LoadBench, AsksNothingNewOnceThePhaseIsOver) {
  TestServer server(std::vector<ScriptedAnswer>{{.when = "", .content = "x"}});
  const LoadOptions options = {
      .conversations = 100, .turns = 2, .most_seconds = 1e-9, .prompt_tokens = 100};
  auto bench = LoadBench::Open(TargetAt(server.port()), options);
  ASSERT_TRUE(bench.ok()) << bench.error().message;
  bench->Begin(2);
  EXPECT_EQ(bench->Measure(Phase::kCold)->requests, 0);
}

TEST(LoadBench, OpensNoServerWhereItIsToldToStop) {
  TestServer server(std::vector<ScriptedAnswer>{{.when = "", .content = "x"}});
  LoadOptions options;
  options.http.stops = [] { return true; };
  const auto stopped = LoadBench::Open(TargetAt(server.port()), options);
  ASSERT_FALSE(stopped.ok());
  EXPECT_THAT(stopped.error().message, HasSubstr(": stopped"));
}

TEST(LoadBench, CountsWhatAServerThatEndsLeavesUnanswered) {
  TestServer server({{.when = "", .content = "x"}},
                    [](server::ServerOptions& options) { options.drain_seconds = 0; });
  const LoadOptions options = {.conversations = 100, .turns = 3, .prompt_tokens = 100};
  auto bench = LoadBench::Open(TargetAt(server.port()), options);
  ASSERT_TRUE(bench.ok()) << bench.error().message;
  bench->Begin(2);
  const auto cold = bench->Measure(Phase::kCold, [&](int64_t done, int64_t) {
    if (done == 7) server.Stop();
  });
  ASSERT_TRUE(cold.ok());
  EXPECT_GE(cold->first.size(), 7u);
  EXPECT_GE(cold->failed(), 20) << "each client gives up after ten";
  EXPECT_EQ(cold->failed() + std::ssize(cold->first), cold->requests);
  EXPECT_LT(cold->requests, 200);
  EXPECT_EQ(server.Join(), "");

  // What has not begun does not go on.
  const auto warm = bench->Measure(
      Phase::kWarm, [&](int64_t, int64_t total) { EXPECT_EQ(total, 2 * std::ssize(cold->first)); });
  EXPECT_THAT(warm->failures, ElementsAre(Pair("no connection", warm->requests)));
  const auto refused = LoadBench::Open(TargetAt(server.port()), options);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("Connection refused"));
}

}  // namespace
}  // namespace fathom::load
