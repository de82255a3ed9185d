#include "api/response.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "api/exchange_testing.h"
#include "api/parse.h"
#include "api/service.h"

namespace fathom::api {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;
using text::CompletionEvent;
using Kind = CompletionEvent::Kind;

const std::vector<Dialect> kConversations = {Dialect::kChat, Dialect::kResponses,
                                             Dialect::kMessages};

Request MakeRequest(Dialect dialect, bool thinks) {
  Request request;
  request.dialect = dialect;
  request.effort = thinks ? text::ThinkingEffort::kHigh : text::ThinkingEffort::kNone;
  request.include_usage = true;
  return request;
}

// What a client keeps of a stream, in the form of a body.

void ReadChatEvents(const std::vector<OutJson>& events, OutJson* body) {
  OutJson message = {{"role", "assistant"}};
  for (const OutJson& event : events) {
    if (event.is_string() || event["choices"].empty()) continue;
    const OutJson& choice = event["choices"][0];
    (*body)["finish_reason"] = choice["finish_reason"];
    for (const auto& [key, value] : choice["delta"].items()) {
      if (key == "tool_calls") {
        OutJson& calls = message["tool_calls"];
        const size_t index = value[0]["index"];
        if (value[0].contains("id")) {
          calls[index] = value[0];
          calls[index].erase("index");
        } else {
          std::string& arguments = calls[index]["function"]["arguments"].get_ref<std::string&>();
          arguments += value[0]["function"]["arguments"].get<std::string>();
        }
      } else if (key != "role") {
        message[key] = message.value(key, "") + value.get<std::string>();
      }
    }
  }
  (*body)["message"] = message;
}

void ReadMessagesEvents(const std::vector<OutJson>& events, OutJson* body) {
  std::string input;
  for (const OutJson& event : events) {
    const std::string type = event["type"];
    if (type == "content_block_start") {
      EXPECT_EQ(event["index"], (*body)["content"].size());
      (*body)["content"].push_back(event["content_block"]);
      input.clear();
    } else if (type == "content_block_delta") {
      OutJson& block = (*body)["content"].back();
      for (const char* key : {"thinking", "text", "signature"}) {
        if (event["delta"].contains(key))
          block[key] = block[key].get<std::string>() + event["delta"][key].get<std::string>();
      }
      input += event["delta"].value("partial_json", "");
    } else if (type == "content_block_stop") {
      OutJson& block = (*body)["content"].back();
      if (block["type"] == "tool_use") block["input"] = OutJson::parse(input);
    } else if (type == "message_delta") {
      (*body)["stop_reason"] = event["delta"]["stop_reason"];
    }
  }
}

void ReadResponsesEvents(const std::vector<OutJson>& events, OutJson* body) {
  std::vector<std::string> told;
  for (size_t i = 0; i < events.size(); ++i) {
    const OutJson& event = events[i];
    EXPECT_EQ(event["sequence_number"], i);
    const std::string type = event["type"];
    if (type == "response.output_item.added") told.emplace_back();
    if (type.ends_with(".delta")) told.at(event["output_index"]) += event["delta"];
    if (type == "response.output_item.done") {
      const OutJson& item = event["item"];
      const OutJson& text =
          item.contains("arguments") ? item["arguments"] : item["content"][0]["text"];
      EXPECT_EQ(told.at(event["output_index"]), text);
      (*body)["items"].push_back(item);
    }
  }
  (*body)["output"] = events.back()["response"]["output"];
  (*body)["status"] = events.back()["response"]["status"];
}

// The same of a body.
OutJson KeepOfBody(Dialect dialect, const OutJson& body) {
  switch (dialect) {
    case Dialect::kChat: {
      OutJson message = body["choices"][0]["message"];
      message.erase("refusal");
      if (message["content"].is_null()) message["content"] = "";
      return {{"message", message}, {"finish_reason", body["choices"][0]["finish_reason"]}};
    }
    case Dialect::kMessages:
      return {{"content", body["content"]}, {"stop_reason", body["stop_reason"]}};
    default:
      return {{"items", body["output"]}, {"output", body["output"]}, {"status", body["status"]}};
  }
}

OutJson KeepOfStream(Dialect dialect, const std::string& stream) {
  const std::vector<OutJson> events = ReadStream(stream);
  OutJson body = OutJson::object();
  if (dialect == Dialect::kChat) ReadChatEvents(events, &body);
  if (dialect == Dialect::kMessages) ReadMessagesEvents(events, &body);
  if (dialect == Dialect::kResponses) ReadResponsesEvents(events, &body);
  return body;
}

std::vector<std::string> SplitAtRandom(std::string_view text, std::mt19937* random) {
  std::vector<std::string> pieces;
  while (!text.empty()) {
    const size_t length = std::min<size_t>(text.size(), 1 + (*random)() % 9);
    pieces.emplace_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return pieces;
}

// Keys of objects in any order.
nlohmann::json Unordered(const OutJson& json) { return nlohmann::json::parse(json.dump()); }

constexpr const char* kAnswers[] = {
    "thoughts 思\n</think>Hello 北京",
    ("thoughts</think>Look:\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n"
     "<｜DSML｜parameter name=\"a\" string=\"true\">\"x\"\n</｜DSML｜parameter>\n"
     "<｜DSML｜parameter name=\"b\" string=\"false\">[1, 2]</｜DSML｜parameter>\n"
     "</｜DSML｜invoke>\n<｜DSML｜invoke name=\"g\">\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>"),
    ("thoughts</think>\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n</｜DSML｜invoke>\n"
     "</｜DSML｜tool_calls>"),
};

TEST(StreamEncoder, TellsWhatTheBodyTells) {
  std::mt19937 random(1);
  for (const Dialect dialect : kConversations) {
    const Request request = MakeRequest(dialect, true);
    for (const char* text : kAnswers) {
      for (const Ending& ending : {Ending{.finish = Finish::kStop}, {.finish = Finish::kLength}}) {
        OutJson body = KeepOfBody(dialect, PlayResponse(request, {text}, ending));
        for (int round = 0; round < 20; ++round) {
          const std::string stream =
              PlayStream(request, SplitAtRandom(text, &random), ending, round % 2 == 1);
          ASSERT_EQ(Unordered(KeepOfStream(dialect, stream)), Unordered(body)) << text;
        }
      }
    }
  }
}

TEST(StreamEncoder, TellsTheSameWhereverTheTextIsCut) {
  for (const Dialect dialect : kConversations) {
    const Request request = MakeRequest(dialect, true);
    for (const std::string text : kAnswers) {
      const auto body = Unordered(KeepOfBody(dialect, PlayResponse(request, {text}, {})));
      for (size_t cut = 1; cut < text.size(); ++cut) {
        const std::string stream =
            PlayStream(request, {text.substr(0, cut), text.substr(cut)}, {}, true);
        ASSERT_EQ(Unordered(KeepOfStream(dialect, stream)), body) << text << "\ncut at " << cut;
      }
    }
  }
}

TEST(StreamEncoder, HeartbeatsAreWhatClientsCount) {
  const auto beat = [](const Request& request) {
    const auto encoder = MakeStreamEncoder(request, MakeTestContext());
    encoder->Open();
    encoder->Heartbeat();
    return encoder->Heartbeat();
  };
  EXPECT_EQ(beat(MakeRequest(Dialect::kChat, true)), ": alive\n\n");
  EXPECT_EQ(beat(MakeRequest(Dialect::kCompletions, false)), ": alive\n\n");
  const std::string responses = beat(MakeRequest(Dialect::kResponses, true));
  EXPECT_THAT(responses, StartsWith("event: response.in_progress\n"));
  EXPECT_THAT(responses, HasSubstr("\"sequence_number\":3,"));
  EXPECT_EQ(beat(MakeRequest(Dialect::kMessages, true)),
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
            "\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"\"}}\n\n");
  EXPECT_THAT(beat(MakeRequest(Dialect::kMessages, false)),
              HasSubstr("{\"type\":\"text_delta\",\"text\":\"\"}"));
}

TEST(StreamEncoder, HeartbeatsOfMessagesFitTheOpenBlock) {
  const auto encoder = MakeStreamEncoder(MakeRequest(Dialect::kMessages, true), MakeTestContext());
  encoder->Open();
  const auto beat_after = [&](const CompletionEvent& event) {
    encoder->Add(0, {&event, 1}, {});
    return encoder->Heartbeat();
  };
  EXPECT_THAT(beat_after({Kind::kReasoning, 0, "r"}), HasSubstr("thinking_delta"));
  EXPECT_THAT(beat_after({Kind::kContent, 0, "c"}), HasSubstr("text_delta"));
  EXPECT_THAT(beat_after({Kind::kCallBegin, 0, "f"}), HasSubstr("\"partial_json\":\"\""));
  EXPECT_THAT(beat_after({Kind::kCallEnd, 0, ""}), StartsWith("event: ping\n"));
}

TEST(StreamEncoder, FailsInTheWordsOfItsApi) {
  const Error error{.kind = ErrorKind::kInternal, .message = "the checkpoint cannot be read"};
  const auto fail = [&](Dialect dialect) {
    const auto encoder = MakeStreamEncoder(MakeRequest(dialect, true), MakeTestContext());
    encoder->Open();
    return encoder->Fail(error);
  };
  EXPECT_THAT(fail(Dialect::kChat), StartsWith("data: {\"error\":{\"message\":\"the checkpoint"));
  EXPECT_THAT(fail(Dialect::kChat), EndsWith("data: [DONE]\n\n"));
  EXPECT_THAT(fail(Dialect::kResponses), StartsWith("event: response.failed\n"));
  EXPECT_THAT(fail(Dialect::kResponses), HasSubstr("\"error\":{\"code\":\"server_error\""));
  EXPECT_THAT(fail(Dialect::kMessages), StartsWith("event: error\ndata: {\"type\":\"error\","));
}

// Whoever looks at the calls before the reason that it ended cannot take them for whole ones.
TEST(StreamEncoder, ACallThatIsCutOffIsIncomplete) {
  const std::string text = std::string(kAnswers[1]).substr(0, 140);
  const std::string told = R"({"a": "\"x\")";
  const Ending cut{.finish = Finish::kLength};
  const Request responses = MakeRequest(Dialect::kResponses, true);
  const auto events = ReadStream(PlayStream(responses, {text}, cut, false));
  EXPECT_EQ(events.back()["type"], "response.incomplete");
  const OutJson call = events.back()["response"]["output"].back();
  EXPECT_EQ(call["status"], "incomplete");
  EXPECT_EQ(call["arguments"], told);
  EXPECT_EQ(events.back()["response"]["incomplete_details"]["reason"], "max_output_tokens");

  const OutJson chat = PlayResponse(MakeRequest(Dialect::kChat, true), {text}, cut)["choices"][0];
  EXPECT_EQ(chat["message"]["tool_calls"][0]["function"]["arguments"], told);
  const OutJson messages = PlayResponse(MakeRequest(Dialect::kMessages, true), {text}, cut);
  EXPECT_EQ(messages["content"].back()["input"], OutJson({{"arguments", told}}));
}

// The reason as a body and a stream tell it, in the words of the API.
std::string ReadReason(Dialect dialect, const std::string& text, const Ending& ending) {
  const Request request = MakeRequest(dialect, true);
  const OutJson body = PlayResponse(request, {text}, ending);
  std::vector<OutJson> events = ReadStream(PlayStream(request, {text}, ending, false));
  const auto reason_of = [&](const OutJson& json, const char* part) -> std::string {
    if (dialect != Dialect::kResponses) return json[part];
    const bool is_whole = json["status"] == "completed";
    return is_whole ? "completed" : json["incomplete_details"]["reason"].get<std::string>();
  };
  OutJson last = events.back();
  if (dialect == Dialect::kChat || dialect == Dialect::kCompletions) {
    const auto is_end = [](const OutJson& event) {
      return event.is_object() && !event["choices"].empty() &&
             event["choices"][0]["finish_reason"].is_string();
    };
    const OutJson end = std::find_if(events.begin(), events.end(), is_end)->at("choices")[0];
    EXPECT_EQ(end.value("fathom", OutJson()), body["choices"][0].value("fathom", OutJson()));
    EXPECT_EQ(end["finish_reason"], body["choices"][0]["finish_reason"]);
    return reason_of(body["choices"][0], "finish_reason");
  }
  if (dialect == Dialect::kResponses) {
    EXPECT_EQ(last["response"].value("fathom", OutJson()), body.value("fathom", OutJson()));
    EXPECT_EQ(reason_of(last["response"], ""), reason_of(body, ""));
    return reason_of(body, "");
  }
  const OutJson& end = events[events.size() - 2];
  EXPECT_EQ(end.value("fathom", OutJson()), body.value("fathom", OutJson()));
  EXPECT_EQ(end["delta"]["stop_reason"], body["stop_reason"]);
  return reason_of(body, "stop_reason");
}

TEST(StreamEncoder, TellsWhyItEndedInTheWordsOfEachApi) {
  const std::string content = "</think>Hi";
  const std::string call = kAnswers[2];
  const std::string open_call = std::string(kAnswers[1]).substr(0, 140);
  struct Row {
    std::string text;
    Finish finish;
    std::string chat, responses, messages;
  };
  const Row rows[] = {
      {content, Finish::kStop, "stop", "completed", "end_turn"},
      {content, Finish::kStopSequence, "stop", "completed", "stop_sequence"},
      {content, Finish::kLength, "length", "max_output_tokens", "max_tokens"},
      {content, Finish::kContext, "length", "max_output_tokens", "model_context_window_exceeded"},
      {content, Finish::kRepetition, "length", "max_output_tokens", "max_tokens"},
      {call, Finish::kStop, "tool_calls", "completed", "tool_use"},
      {call, Finish::kStopSequence, "tool_calls", "completed", "tool_use"},
      {call, Finish::kLength, "length", "max_output_tokens", "max_tokens"},
      {call, Finish::kContext, "length", "max_output_tokens", "model_context_window_exceeded"},
      {call, Finish::kRepetition, "length", "max_output_tokens", "max_tokens"},
      {open_call, Finish::kStopSequence, "stop", "completed", "stop_sequence"},
      {open_call, Finish::kLength, "length", "max_output_tokens", "max_tokens"},
      {open_call, Finish::kContext, "length", "max_output_tokens", "model_context_window_exceeded"},
      {open_call, Finish::kRepetition, "length", "max_output_tokens", "max_tokens"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.text + " " + std::to_string(static_cast<int>(row.finish)));
    Ending ending{.finish = row.finish};
    if (row.finish == Finish::kRepetition) ending.notes.push_back(TurnNote::kAnswerLoop);
    if (row.text == open_call && !IsCut(row.finish)) ending.notes.push_back(TurnNote::kCutCall);
    EXPECT_EQ(ReadReason(Dialect::kChat, row.text, ending), row.chat);
    EXPECT_EQ(ReadReason(Dialect::kResponses, row.text, ending), row.responses);
    EXPECT_EQ(ReadReason(Dialect::kMessages, row.text, ending), row.messages);
    if (row.text == content) {
      EXPECT_EQ(ReadReason(Dialect::kCompletions, row.text, ending), row.chat);
    }
  }
}

TEST(StreamEncoder, TellsWhatNoApiHasAWordFor) {
  Ending ending{.finish = Finish::kRepetition};
  OutJson names = OutJson::array();
  for (const TurnNote note : kAllTurnNotes) {
    ending.notes.push_back(note);
    names.push_back(NameOf(note));
  }
  EXPECT_EQ(names.size(), 6u);
  const OutJson body = PlayResponse(MakeRequest(Dialect::kChat, false), {"a"}, ending);
  EXPECT_EQ(body["choices"][0]["fathom"]["notes"], names);
  EXPECT_FALSE(
      PlayResponse(MakeRequest(Dialect::kChat, false), {"a"}, {})["choices"][0].contains("fathom"));
}

TEST(StreamEncoder, TellsChoicesApart) {
  Request request = MakeRequest(Dialect::kChat, false);
  request.choices = 2;
  const auto encoder = MakeStreamEncoder(request, MakeTestContext());
  EXPECT_EQ(ReadStream(encoder->Open()).size(), 2u);
  const CompletionEvent call{Kind::kCallBegin, 0, "f"};
  const auto told = ReadStream(encoder->Add(1, {&call, 1}, {}));
  EXPECT_EQ(told[0]["choices"][0]["index"], 1);
  EXPECT_EQ(told[0]["choices"][0]["delta"]["tool_calls"][0]["id"], "call_0a1b_1_0");
  const auto first = ReadStream(encoder->Finish(0, {}));
  EXPECT_EQ(first[0]["choices"][0]["finish_reason"], "stop");
  const auto second = ReadStream(encoder->Finish(1, {}));
  EXPECT_EQ(second[0]["choices"][0]["finish_reason"], "tool_calls");
}

TEST(StreamEncoder, TellsLogprobsWithTheirTokens) {
  Request request = MakeRequest(Dialect::kChat, true);
  request.logprobs = true;
  const TokenLogprob thought{
      .bytes = "\xE5", .logprob = -0.1f, .top = {{"a", -INFINITY}}, .is_reasoning = true};
  const auto chat = MakeStreamEncoder(request, MakeTestContext());
  const auto events = ReadStream(chat->Add(0, {}, {&thought, 1}));
  ASSERT_EQ(events.size(), 1u) << "although the character is not complete";
  const OutJson& logprobs = events[0]["choices"][0]["logprobs"];
  EXPECT_TRUE(logprobs["content"].empty());
  EXPECT_EQ(logprobs["reasoning_content"].dump(),
            "[{\"token\":\"\uFFFD\",\"logprob\":-0.1,\"bytes\":[229],\"top_logprobs\":"
            "[{\"token\":\"a\",\"logprob\":-9999.0,\"bytes\":[97]}]}]");

  const auto completions = MakeStreamEncoder(
      [] {
        Request plain = MakeRequest(Dialect::kCompletions, false);
        plain.prompts.emplace_back("p");
        return plain;
      }(),
      MakeTestContext());
  const TokenLogprob token{.bytes = "ab", .logprob = -0.5f, .top = {}};
  const CompletionEvent text{Kind::kContent, 0, "ab"};
  completions->Add(0, {&text, 1}, {&token, 1});
  const auto second = ReadStream(completions->Add(0, {&text, 1}, {&token, 1}));
  EXPECT_EQ(second[0]["choices"][0]["logprobs"]["text_offset"].dump(), "[2]");
}

TEST(Errors, HaveTheirStatusAndShape) {
  const Error field = MakeRequestError({"messages[0].content: missing"});
  EXPECT_EQ(field.param, "messages[0].content");
  EXPECT_EQ(HttpStatus(field.kind), 400);
  EXPECT_EQ(EncodeError(Dialect::kChat, field, ""),
            "{\"error\":{\"message\":\"messages[0].content: missing\",\"type\":"
            "\"invalid_request_error\",\"param\":\"messages[0].content\",\"code\":null}}");
  EXPECT_EQ(MakeRequestError({"body: byte 3: not a JSON value"}).param, "");
  EXPECT_EQ(MakeRequestError({"no path here: at all"}).param, "");
  const Error full = MakeContextLengthError(300, 200);
  EXPECT_EQ(HttpStatus(full.kind), 400);
  EXPECT_THAT(EncodeError(Dialect::kResponses, full, ""),
              HasSubstr("\"code\":\"context_length_exceeded\""));
  EXPECT_THAT(EncodeError(Dialect::kMessages, full, "req_1"),
              StartsWith("{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\","
                         "\"message\":\"prompt is too long: 300 tokens > 200 maximum"));
  EXPECT_THAT(EncodeError(Dialect::kMessages, full, "req_1"),
              EndsWith("\"request_id\":\"req_1\"}"));
  EXPECT_EQ(HttpStatus(ErrorKind::kBusy), 429);
  EXPECT_EQ(HttpStatus(ErrorKind::kUnavailable), 503);
}

TEST(Service, AnswersHaveTheFieldsOfBothLists) {
  const ModelCard card{.id = "m", .created = 1700000000, .context = 4096};
  const OutJson list = OutJson::parse(EncodeModelList({&card, 1}));
  EXPECT_EQ(list["object"], "list");
  EXPECT_EQ(list["has_more"], false);
  EXPECT_EQ(list["data"][0]["object"], "model");
  EXPECT_EQ(list["data"][0]["type"], "model");
  EXPECT_EQ(list["data"][0]["created_at"], "2023-11-14T22:13:20Z");
  EXPECT_EQ(list["data"][0], OutJson::parse(EncodeModel(card)));
  EXPECT_EQ(EncodeVersion("1.2"), "{\"version\":\"1.2\"}");
  EXPECT_EQ(EncodeTokenCount(7), "{\"input_tokens\":7}");
  EXPECT_EQ(EncodeTokenization({.tokens = {1, 2}, .token_strings = {{"a", "b"}}, .context = 9}),
            "{\"count\":2,\"max_model_len\":9,\"tokens\":[1,2],\"token_strs\":[\"a\",\"b\"]}");
  EXPECT_EQ(EncodeDetokenization("\xFF"), "{\"prompt\":\"\uFFFD\",\"content\":\"\uFFFD\"}");
}

}  // namespace
}  // namespace fathom::api
