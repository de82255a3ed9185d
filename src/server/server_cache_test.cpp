// Conversations that come back, and what the cache makes of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "base/temporary_folder_testing.h"
#include "server/server_testing.h"

namespace fathom::server {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// A directory for a cache in files.
class CacheDirectory {
 public:
  // Has a server keep its cache there.
  auto keep() const {
    return [this](ServerOptions& options) { options.engine.kv_directory = folder_.path(); };
  }

 private:
  const base::TemporaryFolder folder_;
};

// Of the second request everything but what is new comes from the cache, although the client sends
// back neither the reasoning nor the arguments as they were written.
TEST(ServerCache, GoesOnFromTheExactTokensOfACall) {
  TestServer server(MakeAnswers());
  const json tool =
      json::parse(R"({"type": "function", "function": {"name": "get_weather", "parameters": {}}})");
  json body = MakeChat("weather", {{"reasoning_effort", "high"}});
  body["tools"] = json::array({tool});
  const json first = AskChat(server, body);
  const json message = first["choices"][0]["message"];
  ASSERT_EQ(message["tool_calls"].size(), 1);
  EXPECT_EQ(message["tool_calls"][0]["function"]["arguments"], R"({"city": "Paris", "days": 2})");

  json call = message["tool_calls"][0];
  call["function"]["arguments"] = R"({"days":2.0,"city":"Paris"})";
  body["messages"].push_back({{"role", "assistant"}, {"tool_calls", {call}}});
  body["messages"].push_back(
      {{"role", "tool"}, {"tool_call_id", call["id"]}, {"content", "sunny"}});
  const json second = AskChat(server, body);
  EXPECT_EQ(second["choices"][0]["message"]["content"], "It is sunny.");
  const int known = first["usage"]["total_tokens"];
  // What ends the calls had to come, so nobody computed it: "/", the marker, "tool_calls>" and the
  // end of sentence.
  constexpr int kForcedEnd = 14;
  EXPECT_GE(second["usage"]["prompt_tokens_details"]["cached_tokens"], known - kForcedEnd);
}

// Arguments that the client has changed are what the model reads.
TEST(ServerCache, LeavesChangedCallsAsTheyAreSent) {
  TestServer server(MakeAnswers());
  json body = MakeChat("weather", {{"reasoning_effort", "high"}});
  const json first = AskChat(server, body);
  json call = first["choices"][0]["message"]["tool_calls"][0];
  call["function"]["arguments"] = R"({"city":"Rome","days":2})";
  body["messages"].push_back({{"role", "assistant"}, {"tool_calls", {call}}});
  body["messages"].push_back(
      {{"role", "tool"}, {"tool_call_id", call["id"]}, {"content", "sunny"}});
  const TestResponse tokens = server.Ask("POST", "/tokenize", body.dump());
  const json ids = {{"tokens", json::parse(tokens.body)["tokens"]}};
  EXPECT_THAT(server.Ask("POST", "/detokenize", ids.dump()).body, HasSubstr("Rome"));
}

TEST(ServerCache, GoesOnFromAnAnswerWithoutCalls) {
  TestServer server(MakeAnswers());
  json body = MakeChat("hello");
  const json first = AskChat(server, body);
  body["messages"].push_back({{"role", "assistant"}, {"content", "Good day. END and more\n"}});
  body["messages"].push_back({{"role", "user"}, {"content", "sunny"}});
  const json usage = AskChat(server, body)["usage"];
  const int known = first["usage"]["total_tokens"];
  EXPECT_GE(usage["prompt_tokens_details"]["cached_tokens"], known - 1);
}

// The next turn of a conversation comes from the files that the server before left.
TEST(ServerCache, GoesOnAfterARestart) {
  const CacheDirectory directory;
  json body = MakeChat("hello");
  body["messages"][0]["content"] = "hello " + std::string(3000, 'y');
  int known = 0;
  {
    TestServer server(MakeAnswers(), directory.keep());
    known = AskChat(server, body)["usage"]["total_tokens"];
  }
  body["messages"].push_back({{"role", "assistant"}, {"content", "Good day. END and more"}});
  body["messages"].push_back({{"role", "user"}, {"content", "sunny"}});
  {
    TestServer server(MakeAnswers(), directory.keep());
    EXPECT_GE(AskChat(server, body)["usage"]["prompt_tokens_details"]["cached_tokens"], known - 1);
    EXPECT_GT(server.ReadMetric("fathom:disk_hit_tokens_total"), 0);
  }
}

// The turn after MakeChat("hello"), with an answer of the model's own.
json MakeSecondTurn() {
  json body = MakeChat("hello", {{"seed", 7},
                                 {"logprobs", true},
                                 {"top_logprobs", 3},
                                 {"max_tokens", 24},
                                 {"ignore_eos", true}});
  body["messages"].push_back({{"role", "assistant"}, {"content", "Good day. END and more"}});
  body["messages"].push_back({{"role", "user"}, {"content", "Say."}});
  return body;
}

// Out of memory, out of files, and out of nothing comes the same, to the last bit of each logprob.
TEST(ServerCache, ChangesNoAnswer) {
  const CacheDirectory directory;
  const json body = MakeSecondTurn();
  const auto cached = [](const json& answer) -> int {
    return answer["usage"]["prompt_tokens_details"]["cached_tokens"];
  };
  json warm;
  {
    TestServer server(MakeAnswers(), directory.keep());
    const int known = AskChat(server, MakeChat("hello"))["usage"]["total_tokens"];
    warm = AskChat(server, body);
    EXPECT_GE(cached(warm), known - 1);
  }
  json restarted;
  {
    TestServer server(MakeAnswers(), directory.keep());
    restarted = AskChat(server, body);
    EXPECT_GE(cached(restarted), cached(warm));
  }
  TestServer server(MakeAnswers());
  const json cold = AskChat(server, body);
  EXPECT_EQ(cached(cold), 0);
  EXPECT_EQ(cold["choices"][0]["logprobs"]["content"].size(), 24);
  EXPECT_EQ(warm["choices"], cold["choices"]);
  EXPECT_EQ(restarted["choices"], cold["choices"]);
}

TEST(ServerCache, AResendGoesOnWhereItsClientLeft) {
  TestServer server(MakeAnswers(),
                    [](ServerOptions& options) { options.engine.batch_tokens = 16; });
  std::string text = "hello";
  for (int i = 0; i < 1000; ++i) text.append(" ").append(std::to_string(i));
  const json body = MakeChat(text);
  constexpr const char* kComputed = "vllm:prompt_tokens_total";
  TestClient client(server.port());
  client.SendRequest("POST", "/v1/chat/completions", body.dump());
  while (server.ReadMetric(kComputed) == 0) std::this_thread::yield();
  client.Close();
  EXPECT_TRUE(server.WaitForMetric("vllm:num_requests_running", 0));
  const double computed = server.ReadMetric(kComputed);
  const json usage = AskChat(server, body)["usage"];
  EXPECT_LT(computed, usage["prompt_tokens"].get<double>());
  EXPECT_EQ(usage["prompt_tokens_details"]["cached_tokens"], computed);
  EXPECT_EQ(server.ReadMetric(kComputed), usage["prompt_tokens"].get<double>());
}

TEST(ServerCache, HitsAlthoughTheBillingHeaderIsNew) {
  TestServer server(MakeAnswers());
  const auto make_body = [](const std::string& header, const json& messages) -> json {
    return {{"system",
             {{{"type", "text"}, {"text", "x-anthropic-billing-header: cch=" + header + ";"}},
              {{"type", "text"}, {"text", "Be brief."}}}},
            {"messages", messages}};
  };
  json messages = MakeChat("hello")["messages"];
  const json first = AskFor(server, "/v1/messages", make_body("0a1b2", messages))["usage"];
  messages.push_back({{"role", "assistant"}, {"content", "Good day. END and more"}});
  messages.push_back({{"role", "user"}, {"content", "sunny"}});
  const json second = AskFor(server, "/v1/messages", make_body("f00", messages))["usage"];
  const int known = first["input_tokens"].get<int>() + first["output_tokens"].get<int>();
  EXPECT_GE(second["cache_read_input_tokens"], known - 1);
}

TEST(ServerCache, IsToldInTheWordsOfAllClients) {
  TestServer server(MakeAnswers());
  const json chat = MakeChat("hello");
  const json responses = {{"input", "hello"}, {"reasoning", {{"effort", "none"}}}};
  const json messages = {{"messages", chat["messages"]}};
  const auto expect_all = [&](std::string_view path, const json& body, const std::string& details,
                              int prompt) {
    SCOPED_TRACE(path);
    AskFor(server, path, body);
    const json usage = AskFor(server, path, body)["usage"];
    const int hit = usage["prompt_cache_hit_tokens"];
    EXPECT_EQ(hit, prompt - 1);
    EXPECT_EQ(usage["prompt_cache_miss_tokens"], 1);
    EXPECT_EQ(usage[details]["cached_tokens"], hit);
    EXPECT_EQ(usage["cache_read_input_tokens"], hit);
  };
  const int prompt = AskFor(server, "/v1/messages/count_tokens", messages)["input_tokens"];
  expect_all("/v1/chat/completions", chat, "prompt_tokens_details", prompt);
  expect_all("/v1/responses", responses, "input_tokens_details", prompt);
  expect_all("/v1/messages", messages, "prompt_tokens_details", prompt);
}

}  // namespace
}  // namespace fathom::server
