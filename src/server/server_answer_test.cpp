// What clients are told of an answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/temporary_folder_testing.h"
#include "server/server_testing.h"

namespace fathom::server {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// The deltas of a chat's stream.
std::vector<json> ReadDeltas(const std::string& stream) {
  std::vector<json> deltas;
  for (size_t at = 0; (at = stream.find("data: {", at)) != std::string::npos; ++at) {
    const size_t begin = at + 6;
    const json chunk = json::parse(stream.substr(begin, stream.find('\n', begin) - begin));
    if (!chunk["choices"].empty()) deltas.push_back(chunk["choices"][0]["delta"]);
  }
  return deltas;
}

// What they add to a field.
std::string JoinDeltas(const std::string& stream, const std::string& field) {
  std::string joined;
  for (const json& delta : ReadDeltas(stream)) joined += delta.value(field, "");
  return joined;
}

TEST(ServerAnswer, AnswersAChat) {
  TestServer server(MakeAnswers());
  const json answer = AskChat(server, MakeChat("hello"));
  EXPECT_EQ(answer["choices"][0]["message"]["content"], "Good day. END and more");
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(answer["model"], "recall");
  EXPECT_EQ(answer["usage"]["prompt_cache_hit_tokens"], 0);
  EXPECT_GT(answer["usage"]["prompt_tokens"], 0);
}

TEST(ServerAnswer, StreamsAChat) {
  TestServer server(MakeAnswers());
  const json body = MakeChat("think", {{"reasoning_effort", "high"}, {"stream", true}});
  const TestResponse response = server.Ask("POST", "/v1/chat/completions", body.dump());
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.headers.at("content-type"), HasSubstr("text/event-stream"));
  EXPECT_EQ(JoinDeltas(response.body, "reasoning_content"), "one two three four five six");
  EXPECT_EQ(JoinDeltas(response.body, "content"), "seven");
  EXPECT_TRUE(response.body.ends_with("data: [DONE]\n\n"));
}

TEST(ServerAnswer, EndsTheContentBeforeAStopString) {
  TestServer server(MakeAnswers());
  const json answer = AskChat(server, MakeChat("hello", {{"stop", {"END"}}}));
  EXPECT_EQ(answer["choices"][0]["message"]["content"], "Good day. ");
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "stop");
  // A stop string in the reasoning is none.
  const json thinks = MakeChat("think", {{"stop", {"three"}}, {"reasoning_effort", "high"}});
  EXPECT_EQ(AskChat(server, thinks)["choices"][0]["message"]["content"], "seven");
}

TEST(ServerAnswer, TellsChoicesApart) {
  TestServer server({});
  const json body =
      MakeChat("Say.", {{"n", 3}, {"max_tokens", 8}, {"seed", 4}, {"ignore_eos", true}});
  const json answer = AskChat(server, body);
  ASSERT_EQ(answer["choices"].size(), 3);
  EXPECT_NE(answer["choices"][0]["message"], answer["choices"][1]["message"]);
  EXPECT_EQ(answer["usage"]["completion_tokens"], 24);
  EXPECT_EQ(AskChat(server, body)["choices"], answer["choices"]);
}

TEST(ServerAnswer, EndsTheReasoningAtItsBudget) {
  TestServer server({});
  const json body =
      MakeChat("Say.", {{"reasoning_effort", "high"}, {"thinking_budget", 5}, {"max_tokens", 9}});
  const json usage = AskChat(server, body)["usage"];
  EXPECT_LE(usage["completion_tokens_details"]["reasoning_tokens"], 6);
}

// Published tokenizers add <think> and the like as tokens that they do not call special.
TEST(ServerAnswer, AddedTokensNeedNotBeCalledSpecial) {
  const std::filesystem::path bundled = std::string(FATHOM_SOURCE_DIR) + "/tests/models/recall";
  const base::TemporaryFolder folder;
  for (const auto& entry : std::filesystem::directory_iterator(bundled))
    std::filesystem::create_symlink(entry.path(), folder / entry.path().filename().string());
  json tokenizer = json::parse(std::ifstream(bundled / "tokenizer.json"));
  for (json& token : tokenizer["added_tokens"]) token["special"] = false;
  std::filesystem::remove(folder / "tokenizer.json");
  std::ofstream(folder / "tokenizer.json") << tokenizer;
  TestServer server(MakeAnswers(),
                    [&](ServerOptions& options) { options.model_directory = folder.path(); });
  const json answer = AskChat(server, MakeChat("sunny", {{"reasoning_effort", "high"}}));
  const json& message = answer["choices"][0]["message"];
  EXPECT_EQ(message["reasoning_content"], "done");
  EXPECT_EQ(message["content"], "It is sunny.");
}

TEST(ServerAnswer, OfTwoLimitsTheLowerCounts) {
  TestServer server(MakeAnswers());
  const json limits = {{"max_tokens", 4}, {"max_completion_tokens", 2}};
  const json answer = AskChat(server, MakeChat("hello", limits));
  EXPECT_EQ(answer["usage"]["completion_tokens"], 2);
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "length");
}

TEST(ServerAnswer, SamplingOptionsHaveNoEffectOnThinking) {
  const json usual = {
      {"reasoning_effort", "high"}, {"seed", 4}, {"max_tokens", 12}, {"ignore_eos", true}};
  json greedy = usual;
  greedy["temperature"] = 0;
  const auto says_the_same = [&](bool sampling_while_thinking) {
    TestServer server({}, [&](ServerOptions& options) {
      options.parse.sampling_while_thinking = sampling_while_thinking;
    });
    return AskChat(server, MakeChat("Say.", usual))["choices"] ==
           AskChat(server, MakeChat("Say.", greedy))["choices"];
  };
  EXPECT_TRUE(says_the_same(false));
  EXPECT_FALSE(says_the_same(true));
}

TEST(ServerAnswer, ThinkingThatIsCutOffIsNoContent) {
  TestServer server(MakeAnswers());
  const json chat = AskChat(
      server, MakeChat("think", {{"reasoning_effort", "high"}, {"max_tokens", 6}}))["choices"][0];
  EXPECT_THAT("one two three", HasSubstr(chat["message"]["reasoning_content"].get<std::string>()));
  EXPECT_NE(chat["message"]["reasoning_content"], "");
  EXPECT_EQ(chat["message"]["content"], "");
  EXPECT_EQ(chat["finish_reason"], "length");

  const json responses =
      AskFor(server, "/v1/responses", {{"input", "think"}, {"max_output_tokens", 6}});
  ASSERT_EQ(responses["output"].size(), 1);
  EXPECT_EQ(responses["output"][0]["type"], "reasoning");
  EXPECT_EQ(responses["status"], "incomplete");

  const json body = {{"messages", MakeChat("think")["messages"]},
                     {"thinking", {{"type", "enabled"}, {"budget_tokens", 99}}},
                     {"max_tokens", 6}};
  const json messages = AskFor(server, "/v1/messages", body);
  ASSERT_EQ(messages["content"].size(), 1);
  EXPECT_EQ(messages["content"][0]["type"], "thinking");
  EXPECT_EQ(messages["stop_reason"], "max_tokens");
}

TEST(ServerAnswer, JsonIsContentAlsoAfterThinking) {
  TestServer server(MakeAnswers());
  const json body = MakeChat(
      "an object", {{"reasoning_effort", "high"}, {"response_format", {{"type", "json_object"}}}});
  const json message = AskChat(server, body)["choices"][0]["message"];
  EXPECT_EQ(message["content"], R"({"a": 2})");
  EXPECT_EQ(message["reasoning_content"], R"({"a": 1}?)");
}

TEST(ServerAnswer, ArgumentsAreToldAsTheyAreWritten) {
  TestServer server(MakeAnswers());
  const json tool = {{"type", "function"}, {"function", {{"name", "write"}}}};
  const json body = MakeChat("write", {{"stream", true}, {"tools", {tool}}});
  const std::string stream = server.Ask("POST", "/v1/chat/completions", body.dump()).body;
  std::string arguments;
  size_t longest = 0;
  for (const json& delta : ReadDeltas(stream)) {
    if (!delta.contains("tool_calls")) continue;
    const std::string piece = delta["tool_calls"][0]["function"]["arguments"];
    arguments += piece;
    longest = std::max(longest, piece.size());
  }
  EXPECT_EQ(json::parse(arguments)["text"], std::string(300, 'x') + "\n\"<");
  EXPECT_LT(longest, 40);
}

// Reasoning that a client did not send back is no error, in whatever API.
TEST(ServerAnswer, NoReasoningIsNeededBack) {
  TestServer server(MakeAnswers());
  const json user = {{"role", "user"}, {"content", "weather"}};
  const json function = {{"name", "get_weather"}, {"arguments", "{}"}};
  const json call = {{"id", "call_9"}, {"type", "function"}, {"function", function}};
  AskChat(server, {{"messages",
                    {user,
                     {{"role", "assistant"}, {"tool_calls", {call}}},
                     {{"role", "tool"}, {"tool_call_id", "call_9"}, {"content", "sunny"}}}}});
  AskFor(server, "/v1/responses",
         {{"input",
           {user,
            {{"type", "function_call"}, {"call_id", "call_9"}, {"name", "f"}, {"arguments", "{}"}},
            {{"type", "function_call_output"}, {"call_id", "call_9"}, {"output", "sunny"}}}}});
  const json use = {
      {"type", "tool_use"}, {"id", "call_9"}, {"name", "f"}, {"input", json::object()}};
  const json result = {{"type", "tool_result"}, {"tool_use_id", "call_9"}, {"content", "sunny"}};
  AskFor(server, "/v1/messages",
         {{"thinking", {{"type", "adaptive"}}},
          {"messages",
           {user,
            {{"role", "assistant"}, {"content", json::array({use})}},
            {{"role", "user"}, {"content", json::array({result})}}}}});
}

}  // namespace
}  // namespace fathom::server
