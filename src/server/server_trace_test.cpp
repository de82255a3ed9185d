// What a server's engine did for many clients at once can be done again from its trace alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/temporary_folder_testing.h"
#include "server/described_turns.h"
#include "server/server_testing.h"
#include "trace/replay.h"
#include "trace/trace_reader.h"
#include "trace/trace_writer.h"

namespace fathom::server {
namespace {

using nlohmann::json;

class ServerTrace : public testing::Test {
 protected:
  static json MakeTool() {
    const json parameters = {{"type", "object"},
                             {"properties",
                              {{"mode", {{"enum", {"read", "write"}}}},
                               {"lines", {{"type", "integer"}, {"minimum", 1}}}}},
                             {"required", {"mode", "lines"}}};
    return {{"type", "function"}, {"function", {{"name", "look"}, {"parameters", parameters}}}};
  }

  // One client: several turns of its own, some of which it does not wait for.
  static void Talk(TestServer& server, int client) {
    json body = MakeChat("Tell of client " + std::to_string(client),
                         {{"max_tokens", 30}, {"temperature", 1.5}});
    if (client % 3 == 0) body["tools"] = json::array({MakeTool()});
    if (client % 3 == 0) body["tool_choice"] = "required";
    if (client % 3 == 1) body["response_format"] = {{"type", "json_object"}};
    if (client % 2 == 0) body["seed"] = client;
    for (int turn = 0; turn < 3; ++turn) {
      const json message = AskChat(server, body)["choices"][0]["message"];
      if (message["content"].is_string()) body["messages"].push_back(message);
      body["messages"].push_back({{"role", "user"}, {"content", "And then?"}});
      TestClient impatient(server.port());
      json endless = body;
      endless.update({{"stream", true}, {"max_tokens", 400}, {"seed", turn}});
      impatient.SendRequest("POST", "/v1/chat/completions", endless.dump());
      impatient.ReadUntil("data:");
    }
  }

  base::Result<trace::ReplayReport> RunAgain(const trace::Recording& recording) {
    DescribedTurns turns(recording.header.model);
    return trace::Replay(recording, {.model_directory = recording.header.model,
                                     .engine = {.threads = 1},
                                     .make_constraint = [&](const std::string& description) {
                                       return turns.Make(description);
                                     }});
  }

  const base::TemporaryFolder folder_;
};

TEST_F(ServerTrace, RunsAgain) {
  const std::string path = folder_ / "trace";
  {
    const auto writer = trace::TraceWriter::Create({.path = path}).value();
    TestServer server(MakeAnswers(), [&](ServerOptions& options) {
      options.engine.observer = writer.get();
      options.engine.kv_directory = folder_ / "kv";
      options.engine.max_batch = 3;
    });
    json thinking = MakeChat("think", {{"reasoning_effort", "high"}, {"thinking_budget", 3}});
    AskChat(server, thinking);
    std::vector<std::thread> clients;
    for (int client = 0; client < 5; ++client)
      clients.emplace_back([&server, client] { Talk(server, client); });
    for (std::thread& client : clients) client.join();
  }
  const trace::Recording recording = trace::ReadTrace(path).value();
  const auto count = [&](auto&& holds) { return std::ranges::count_if(recording.requests, holds); };
  EXPECT_EQ(recording.requests.size(), 31u);
  EXPECT_GT(
      count([](const auto& request) { return request.finish == engine::FinishReason::kCancelled; }),
      5);
  EXPECT_GE(count([](const auto& request) { return !request.constraint.empty(); }), 30);
  EXPECT_TRUE(recording.is_parked);

  const auto report = RunAgain(recording);
  ASSERT_TRUE(report.ok()) << report.error().message;
  ASSERT_FALSE(report->difference) << DescribeDifference(*report->difference);
  EXPECT_EQ(report->decisions_left_out, "");
  EXPECT_EQ(report->decisions, std::ssize(recording.decisions));
  EXPECT_GT(report->tokens, 200);
}

}  // namespace
}  // namespace fathom::server
