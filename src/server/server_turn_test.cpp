// Turns that go wrong as models' turns do, through all APIs, streamed and not.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "api/request.h"
#include "server/server_testing.h"

namespace fathom::server {
namespace {

using api::Dialect;
using nlohmann::json;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Dialect kConversations[] = {Dialect::kChat, Dialect::kResponses, Dialect::kMessages};

struct Question {
  std::string text{};
  bool thinks = false;
  bool has_tools = true;
  int max_tokens = 3000;
  json more = json::object();
};

// What an answer says, whichever API tells it.
struct Told {
  std::string reason{};
  std::vector<std::string> notes{};
  std::string reasoning{};
  std::string content{};
  std::vector<std::pair<std::string, std::string>> calls{};
  json call_item{};  // the last one
  json usage{};
};

std::string_view PathOf(Dialect dialect) {
  if (dialect == Dialect::kChat) return "/v1/chat/completions";
  if (dialect == Dialect::kCompletions) return "/v1/completions";
  return dialect == Dialect::kResponses ? "/v1/responses" : "/v1/messages";
}

json MakeBody(Dialect dialect, const Question& question) {
  const json schema =
      json::parse(R"({"type": "object", "properties": {"text": {"type": "string"}}})");
  json body = question.more;
  json function = {{"name", "write"}, {"parameters", schema}};
  if (dialect == Dialect::kCompletions) {
    body["prompt"] = question.text;
  } else if (dialect == Dialect::kResponses) {
    body["input"] = {{{"role", "user"}, {"content", question.text}}};
    body["reasoning"]["effort"] = question.thinks ? "high" : "none";
    body["max_output_tokens"] = question.max_tokens;
    function["type"] = "function";
    if (question.has_tools) body["tools"] = json::array({function});
  } else {
    body["messages"] = {{{"role", "user"}, {"content", question.text}}};
    body["reasoning_effort"] = question.thinks ? "high" : "none";
    if (dialect == Dialect::kChat) function = {{"type", "function"}, {"function", function}};
    if (dialect == Dialect::kMessages) function = {{"name", "write"}, {"input_schema", schema}};
    if (dialect == Dialect::kMessages && question.thinks) body["thinking"]["type"] = "adaptive";
    if (question.has_tools) body["tools"] = json::array({function});
  }
  if (dialect != Dialect::kResponses) body["max_tokens"] = question.max_tokens;
  return body;
}

std::vector<std::string> NotesOf(const json& told) {
  if (!told.contains("fathom")) return {};
  return told["fathom"]["notes"].get<std::vector<std::string>>();
}

std::string StatusOf(const json& response) {
  if (response["status"] == "completed") return "completed";
  return response["incomplete_details"]["reason"];
}

Told ReadChoice(const json& choice) {
  Told told{.reason = choice["finish_reason"], .notes = NotesOf(choice)};
  const json message = choice.value("message", json{{"content", choice.value("text", "")}});
  told.reasoning = message.value("reasoning_content", "");
  if (message["content"].is_string()) told.content = message["content"];
  for (const json& call : message.value("tool_calls", json::array())) {
    told.calls.emplace_back(call["function"]["name"], call["function"]["arguments"]);
    told.call_item = call;
  }
  return told;
}

Told ReadResponse(const json& response) {
  Told told{.reason = StatusOf(response), .notes = NotesOf(response)};
  for (const json& item : response["output"]) {
    if (item["type"] == "reasoning") told.reasoning = item["content"][0]["text"];
    if (item["type"] == "message") told.content = item["content"][0]["text"];
    if (item["type"] != "function_call") continue;
    told.calls.emplace_back(item["name"], item["arguments"]);
    told.call_item = item;
  }
  return told;
}

Told ReadMessage(const json& message) {
  Told told{.reason = message["stop_reason"], .notes = NotesOf(message)};
  for (const json& block : message["content"]) {
    if (block["type"] == "thinking") told.reasoning = block["thinking"];
    if (block["type"] == "text") told.content = block["text"];
    if (block["type"] != "tool_use") continue;
    const bool is_cut = block["input"].contains("arguments");
    told.calls.emplace_back(block["name"], is_cut ? block["input"]["arguments"].get<std::string>()
                                                  : block["input"].dump());
    told.call_item = block;
  }
  return told;
}

// The reason and the notes at the end of a stream.
std::pair<std::string, std::vector<std::string>> ReadEnd(Dialect dialect,
                                                         const std::string& stream) {
  std::pair<std::string, std::vector<std::string>> end;
  for (size_t at = 0; (at = stream.find("data: {", at)) != std::string::npos; ++at) {
    const json event = json::parse(stream.substr(at + 6, stream.find('\n', at) - at - 6));
    if (dialect == Dialect::kMessages) {
      if (event["type"] == "message_delta") end = {event["delta"]["stop_reason"], NotesOf(event)};
    } else if (dialect == Dialect::kResponses) {
      if (event["type"] == "response.completed" || event["type"] == "response.incomplete")
        end = {StatusOf(event["response"]), NotesOf(event["response"])};
    } else if (!event["choices"].empty() && event["choices"][0]["finish_reason"].is_string()) {
      end = {event["choices"][0]["finish_reason"], NotesOf(event["choices"][0])};
    }
  }
  return end;
}

Told AskBody(TestServer& server, Dialect dialect, const json& body) {
  const json answer = AskFor(server, PathOf(dialect), body);
  Told told = dialect == Dialect::kResponses  ? ReadResponse(answer)
              : dialect == Dialect::kMessages ? ReadMessage(answer)
                                              : ReadChoice(answer["choices"][0]);
  told.usage = answer["usage"];
  return told;
}

// Asks twice, with and without a stream, which has to end alike.
Told Ask(TestServer& server, Dialect dialect, const Question& question) {
  json body = MakeBody(dialect, question);
  Told told = AskBody(server, dialect, body);
  body["stream"] = true;
  const auto end = ReadEnd(dialect, server.Ask("POST", PathOf(dialect), body.dump()).body);
  EXPECT_EQ(end.first, told.reason);
  EXPECT_EQ(end.second, told.notes);
  return told;
}

// What an API says of an answer that its model has not ended.
std::string CutReason(Dialect dialect) {
  if (dialect == Dialect::kResponses) return "max_output_tokens";
  return dialect == Dialect::kMessages ? "max_tokens" : "length";
}

std::string StopReason(Dialect dialect) {
  if (dialect == Dialect::kResponses) return "completed";
  return dialect == Dialect::kMessages ? "end_turn" : "stop";
}

std::string CallReason(Dialect dialect) {
  if (dialect == Dialect::kResponses) return "completed";
  return dialect == Dialect::kMessages ? "tool_use" : "tool_calls";
}

double ReadNotes(TestServer& server, const std::string& kind) {
  return server.ReadMetric(
      fmt::format("fathom:turn_notes_total{{model_name=\"recall\",engine=\"0\",kind=\"{}\"", kind));
}

std::string Repeat(const std::string& piece, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += piece;
  return text;
}

const std::string kOpenCall =
    "\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"write\">\n"
    "<｜DSML｜parameter name=\"text\" string=\"true\">";
const std::string kWholeCall =
    kOpenCall +
    "a b</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls><｜end▁of▁sentence｜>";
const std::string kWholeArguments = R"({"text": "a b"})";

TEST(ServerTurn, AnEmptyAnswerGoesOn) {
  for (const bool constrain : {true, false}) {
    TestServer server(
        {{.when = "deep", .raw = "hm</think>\n<｜end▁of▁sentence｜>Well.<｜end▁of▁sentence｜>"},
         {.when = "open", .raw = "hm<｜end▁of▁sentence｜>Well.<｜end▁of▁sentence｜>"}},
        [&](ServerOptions& options) { options.constrain = constrain; });
    for (const Dialect dialect : kConversations) {
      const Told deep = Ask(server, dialect, {.text = "deep", .thinks = true});
      EXPECT_EQ(deep.reasoning, "hm");
      EXPECT_THAT(deep.content, EndsWith("Well."));
      EXPECT_EQ(deep.reason, StopReason(dialect));
      EXPECT_THAT(deep.notes, ElementsAre("empty_answer"));
      const Told open = Ask(server, dialect, {.text = "open", .thinks = true});
      EXPECT_EQ(open.reasoning, "hm");
      EXPECT_EQ(open.content, "Well.");
      EXPECT_THAT(open.notes, ElementsAre("empty_answer"));
    }
    EXPECT_EQ(ReadNotes(server, "empty_answer"), 12);
  }
}

TEST(ServerTurn, WhatStaysEmptyIsToldAsItIs) {
  const std::string end = "<｜end▁of▁sentence｜>";
  TestServer server({{.when = "deep", .raw = "hm</think>" + Repeat(end, 20)}},
                    [](ServerOptions& options) { options.constrain = false; });
  // The model has nothing but white space to say: it is biased to the line end.
  const json line = {{"content", "\n"}};
  const int id = AskFor(server, "/tokenize", line)["tokens"][0];
  const Question question{
      .text = "deep", .thinks = true, .more = {{"logit_bias", {{std::to_string(id), 100}}}}};
  const Told told = Ask(server, Dialect::kChat, question);
  EXPECT_EQ(told.content, "\n\n\n");
  EXPECT_EQ(told.reason, "stop");
  EXPECT_THAT(told.notes, ElementsAre("empty_answer"));
}

TEST(ServerTurn, ACallInTheReasoningIsMadeBehindIt) {
  // The two letters stand where the empty line is put.
  TestServer server({{.when = "look", .raw = "I look.\n\n<｜DSML｜xx" + kWholeCall.substr(2)},
                     {.when = "tag", .raw = "a <｜DSML｜xx so.<｜end▁of▁sentence｜>"}});
  for (const Dialect dialect : kConversations) {
    const Told look = Ask(server, dialect, {.text = "look", .thinks = true});
    EXPECT_EQ(look.reasoning, "I look.\n\n<");
    EXPECT_EQ(look.content, "");
    ASSERT_EQ(look.calls.size(), 1u);
    EXPECT_EQ(look.calls[0].first, "write");
    EXPECT_EQ(json::parse(look.calls[0].second), json::parse(kWholeArguments));
    EXPECT_EQ(look.reason, CallReason(dialect));
    EXPECT_THAT(look.notes, ElementsAre("call_in_reasoning"));
    // It may have been no call.
    const Told tag = Ask(server, dialect, {.text = "tag", .thinks = true});
    EXPECT_EQ(tag.reasoning, "a <");
    EXPECT_EQ(tag.content, "\n\n so.");
    EXPECT_EQ(tag.reason, StopReason(dialect));
  }
  EXPECT_EQ(ReadNotes(server, "call_in_reasoning"), 12);
  EXPECT_THAT(server.log(), testing::Contains(testing::AllOf(
                                HasSubstr("\"event\":\"turn\""),
                                HasSubstr("\"choice\":0,\"kind\":\"call_in_reasoning\"}"))));
}

TEST(ServerTurn, UnconstrainedCallsInTheReasoningAreReadAndCounted) {
  const std::string call = kWholeCall.substr(0, kWholeCall.rfind("<"));
  TestServer server(
      {{.when = "look", .raw = "I look." + call + "</think>Done.<｜end▁of▁sentence｜>"}},
      [](ServerOptions& options) { options.constrain = false; });
  for (const Dialect dialect : kConversations) {
    const Told told = Ask(server, dialect, {.text = "look", .thinks = true});
    EXPECT_EQ(told.content, "Done.");
    ASSERT_EQ(told.calls.size(), 1u);
    EXPECT_EQ(told.reason, CallReason(dialect));
    EXPECT_THAT(told.notes, ElementsAre("call_in_reasoning"));
  }
}

TEST(ServerTurn, ALoopEnds) {
  TestServer server({{.when = "answer", .raw = "So: " + Repeat("ab", 2000)},
                     {.when = "call", .raw = kOpenCall + Repeat("ab", 2000)},
                     {.when = "reason", .raw = Repeat("ab", 32) + "_Enough.<｜end▁of▁sentence｜>"}},
                    [](ServerOptions& options) { options.turn.repetition_tokens = 256; });
  for (const Dialect dialect :
       {Dialect::kChat, Dialect::kResponses, Dialect::kMessages, Dialect::kCompletions}) {
    const Told answer = Ask(server, dialect, {.text = "answer"});
    EXPECT_EQ(answer.content, "So: " + Repeat("ab", 158));
    EXPECT_EQ(answer.reason, CutReason(dialect));
    EXPECT_THAT(answer.notes, ElementsAre("answer_loop"));
    if (dialect == Dialect::kCompletions) continue;
    const Told call = Ask(server, dialect, {.text = "call"});
    ASSERT_EQ(call.calls.size(), 1u);
    EXPECT_THAT(call.calls[0].second, testing::StartsWith(R"({"text": "abab)"));
    EXPECT_FALSE(json::accept(call.calls[0].second));
    EXPECT_EQ(call.reason, CutReason(dialect));
    EXPECT_THAT(call.notes, ElementsAre("answer_loop", "cut_call"));
    const Told reason = Ask(server, dialect, {.text = "reason", .thinks = true});
    EXPECT_EQ(reason.reasoning, Repeat("ab", 32));
    EXPECT_EQ(reason.content, "Enough.");
    EXPECT_EQ(reason.reason, StopReason(dialect));
    EXPECT_THAT(reason.notes, ElementsAre("reasoning_loop"));
  }
  EXPECT_EQ(ReadNotes(server, "answer_loop"), 14);
  EXPECT_EQ(ReadNotes(server, "reasoning_loop"), 6);
  EXPECT_EQ(server.ReadMetric("vllm:request_success_total{model_name=\"recall\",engine=\"0\","
                              "finished_reason=\"repetition\""),
            14);
}

TEST(ServerTurn, LoopsAreAllowedToThoseWhoAsk) {
  const std::vector<ScriptedAnswer> answers = {
      {.when = "answer", .raw = Repeat("ab", 300) + "<｜end▁of▁sentence｜>"}};
  const auto limit = [](int64_t tokens) {
    return [=](ServerOptions& options) { options.turn.repetition_tokens = tokens; };
  };
  TestServer unlimited(answers, limit(0));
  EXPECT_EQ(Ask(unlimited, Dialect::kChat, {.text = "answer"}).content.size(), 600u);
  TestServer limited(answers, limit(128));
  EXPECT_LT(Ask(limited, Dialect::kChat, {.text = "answer"}).content.size(), 200u);
  const Told endless = Ask(limited, Dialect::kChat,
                           {.text = "answer", .max_tokens = 590, .more = {{"ignore_eos", true}}});
  EXPECT_EQ(endless.content.size(), 590u);
  EXPECT_THAT(endless.notes, IsEmpty());
}

TEST(ServerTurn, TheServerLimitsThinkingToo) {
  TestServer server({{.when = "six", .raw = "abcdef_So.<｜end▁of▁sentence｜>"},
                     {.when = "two", .raw = "ab_So.<｜end▁of▁sentence｜>"}},
                    [](ServerOptions& options) { options.turn.thinking_tokens = 6; });
  for (const Dialect dialect : kConversations) {
    const Told six =
        Ask(server, dialect, {.text = "six", .thinks = true, .more = {{"thinking_budget", 100}}});
    EXPECT_EQ(six.reasoning, "abcdef");
    EXPECT_EQ(six.content, "So.");
    EXPECT_EQ(six.reason, StopReason(dialect));
    EXPECT_THAT(six.notes, ElementsAre("thinking_budget"));
    const Told two =
        Ask(server, dialect, {.text = "two", .thinks = true, .more = {{"thinking_budget", 2}}});
    EXPECT_EQ(two.reasoning, "ab");
    EXPECT_EQ(two.content, "So.");
    // No answer was begun.
    const Told cut = Ask(server, dialect, {.text = "six", .thinks = true, .max_tokens = 5});
    EXPECT_EQ(cut.reasoning, "abcde");
    EXPECT_EQ(cut.content, "");
    EXPECT_EQ(cut.reason, CutReason(dialect));
    EXPECT_THAT(cut.notes, IsEmpty());
  }
  EXPECT_EQ(ReadNotes(server, "thinking_budget"), 12);
}

// The same conversation, with the answer and what the tool said to it.
json Continue(Dialect dialect, json body, const Told& told) {
  if (dialect == Dialect::kResponses) {
    body["input"].push_back(told.call_item);
    body["input"].push_back({{"type", "function_call_output"},
                             {"call_id", told.call_item["call_id"]},
                             {"output", "cut off"}});
    return body;
  }
  json& messages = body["messages"];
  if (dialect == Dialect::kChat) {
    messages.push_back({{"role", "assistant"}, {"tool_calls", {told.call_item}}});
    messages.push_back(
        {{"role", "tool"}, {"tool_call_id", told.call_item["id"]}, {"content", "cut off"}});
    return body;
  }
  const json result = {
      {"type", "tool_result"}, {"tool_use_id", told.call_item["id"]}, {"content", "cut off"}};
  messages.push_back({{"role", "assistant"}, {"content", json::array({told.call_item})}});
  messages.push_back({{"role", "user"}, {"content", json::array({result})}});
  return body;
}

int CountTokens(Dialect dialect, const json& usage) {
  if (dialect == Dialect::kChat) return usage["total_tokens"];
  const int input = usage["input_tokens"].get<int>() + usage["output_tokens"].get<int>();
  return dialect == Dialect::kResponses ? input
                                        : input + usage["cache_read_input_tokens"].get<int>();
}

// Wherever a limit cuts a call, it is none, and the conversation goes on from what there is of it.
TEST(ServerTurn, ACutCallIsNoCallAndIsNotLost) {
  const std::string said = "hm</think>So:" + kWholeCall;
  TestServer server({{.when = "write", .raw = said}, {.when = "cut off", .content = "Again."}});
  const json tokens = AskFor(server, "/tokenize", {{"content", said}, {"parse_special", true}});
  const int whole = tokens["count"];
  // Tokens of the value and what follows it, and most of them that had to come and that nobody
  // computed.
  constexpr int kFromValueOn = 43;
  constexpr int kForced = 40;
  int cut_calls = 0;
  for (const Dialect dialect : kConversations) {
    for (int length = whole - 75; length < whole; length += 7) {
      SCOPED_TRACE(fmt::format("{} of {}", length - whole, PathOf(dialect)));
      const json body = MakeBody(dialect, {.text = "write", .thinks = true, .max_tokens = length});
      const Told cut = AskBody(server, dialect, body);
      EXPECT_EQ(cut.reason, CutReason(dialect));
      EXPECT_EQ(cut.content, "So:");
      ASSERT_EQ(cut.calls.size(), 1u);
      const std::string& arguments = cut.calls[0].second;
      const bool is_whole = cut.notes.empty();
      EXPECT_EQ(json::accept(arguments), is_whole);
      if (is_whole) {
        EXPECT_EQ(json::parse(arguments), json::parse(kWholeArguments));
      } else {
        EXPECT_THAT(cut.notes, ElementsAre("cut_call"));
        EXPECT_TRUE(kWholeArguments.starts_with(arguments)) << arguments;
        ++cut_calls;
      }
      if (dialect == Dialect::kResponses) {
        EXPECT_EQ(cut.call_item["status"], is_whole ? "completed" : "incomplete");
      }
      const Told next = AskBody(server, dialect, Continue(dialect, body, cut));
      EXPECT_EQ(next.content, "Again.");
      // An opening tag that is not whole is no part of a turn.
      const bool in_opening_tag = length < whole - kFromValueOn;
      const int known = CountTokens(dialect, cut.usage) - (in_opening_tag ? length : kForced);
      EXPECT_GE(next.usage["prompt_cache_hit_tokens"], known - 1);
    }
  }
  EXPECT_GE(cut_calls, 3 * 7);
  EXPECT_EQ(ReadNotes(server, "cut_call"), cut_calls);
}

// What the model is told of its cut call: what it said of it, as a call of the format.
TEST(ServerTurn, ACutCallComesBackAsTheModelSaidIt) {
  TestServer server({{.when = "write", .raw = "hm</think>So:" + kOpenCall + "a b"}});
  const int length =
      AskFor(server, "/tokenize",
             {{"content", "hm</think>So:" + kOpenCall + "a"}, {"parse_special", true}})["count"];
  const Question question{.text = "write", .thinks = true, .max_tokens = length};
  const json body = MakeBody(Dialect::kChat, question);
  const Told cut = AskBody(server, Dialect::kChat, body);
  EXPECT_EQ(cut.calls[0].second, R"({"text": "a)");
  const json tokens = AskFor(server, "/tokenize", Continue(Dialect::kChat, body, cut))["tokens"];
  const json text = AskFor(server, "/detokenize", {{"tokens", tokens}})["prompt"];
  EXPECT_THAT(text.get<std::string>(),
              HasSubstr("<think>hm</think>So:" + kOpenCall +
                        "a</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>"
                        "<｜end▁of▁sentence｜>"));
}

TEST(ServerTurn, TheReasonIsTheTruth) {
  TestServer server({{.when = "say", .raw = "one two END three<｜end▁of▁sentence｜>"},
                     {.when = "long", .raw = Repeat("0123456789abcdef ", 30)}},
                    [](ServerOptions& options) { options.engine.context = 400; });
  const json id_of_e = AskFor(server, "/tokenize", {{"content", "E"}})["tokens"];
  for (const Dialect dialect :
       {Dialect::kChat, Dialect::kResponses, Dialect::kMessages, Dialect::kCompletions}) {
    SCOPED_TRACE(PathOf(dialect));
    const bool is_messages = dialect == Dialect::kMessages;
    const auto reason = [&](const std::string& text, int max_tokens, const json& more) {
      return Ask(server, dialect,
                 {.text = text, .has_tools = false, .max_tokens = max_tokens, .more = more})
          .reason;
    };
    const json none = json::object();
    EXPECT_EQ(reason("say", 350, none), StopReason(dialect));
    EXPECT_EQ(reason("say", 4, none), CutReason(dialect));
    EXPECT_EQ(reason("long", 3000, none),
              is_messages ? "model_context_window_exceeded" : CutReason(dialect));
    const bool is_openai = dialect == Dialect::kChat || dialect == Dialect::kCompletions;
    if (is_openai) {
      EXPECT_EQ(reason("say", 350, {{"stop_token_ids", id_of_e}}), "stop");
      EXPECT_EQ(reason("say", 350, {{"stop", "END"}}), "stop");
    } else if (is_messages) {
      EXPECT_EQ(reason("say", 350, {{"stop_sequences", {"END"}}}), "stop_sequence");
    }
  }
  TestServer calls({{.when = "call", .raw = kWholeCall}});
  for (const Dialect dialect : kConversations)
    EXPECT_EQ(Ask(calls, dialect, {.text = "call"}).reason, CallReason(dialect));
}

// A call that a token of the client's own ends is not made either.
TEST(ServerTurn, AStopTokenInsideACallMakesNoCall) {
  TestServer server({{.when = "call", .raw = kWholeCall}});
  const json tokens = AskFor(server, "/tokenize", {{"content", "b"}})["tokens"];
  const Told told =
      Ask(server, Dialect::kChat, {.text = "call", .more = {{"stop_token_ids", tokens}}});
  EXPECT_EQ(told.reason, "stop");
  EXPECT_THAT(told.notes, ElementsAre("cut_call"));
}

}  // namespace
}  // namespace fathom::server
