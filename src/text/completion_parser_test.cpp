#include "text/completion_parser.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "text/completion_examples_testing.h"
#include "text/json.h"
#include "text/prompt_encoder.h"

namespace fathom::text {
namespace {

// Calls as "name arguments", with "..." after an incomplete one.
std::vector<std::string> ShowCalls(const Completion& completion) {
  std::vector<std::string> shown;
  for (const CompletedCall& call : completion.tool_calls) {
    shown.push_back(call.name + " " + call.arguments + (call.is_complete ? "" : "..."));
  }
  return shown;
}

}  // namespace

// For the messages of failed tests.
void PrintTo(const Completion& completion, std::ostream* out) {
  *out << "reasoning: " << completion.reasoning << "\ncontent: " << completion.content;
  for (const std::string& call : ShowCalls(completion)) *out << "\ncall: " << call;
  for (const std::string& problem : completion.problems) *out << "\nproblem: " << problem;
}

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Kind = CompletionEvent::Kind;

TEST(CompletionParser, ReadsWhatModelsWrite) {
  for (const CompletionExample& example : CompletionExamples()) {
    SCOPED_TRACE(example.name);
    const Completion completion = ParseCompletion(example.text, example.options);
    EXPECT_EQ(completion.reasoning, example.reasoning);
    EXPECT_EQ(completion.content, example.content);
    EXPECT_EQ(ShowCalls(completion), example.calls);
    EXPECT_EQ(completion.problems, example.problems);
  }
}

// Joins neighbours of one kind: how much an event carries depends on the pieces.
void AppendEvents(const std::vector<CompletionEvent>& events, std::vector<CompletionEvent>* all) {
  for (const CompletionEvent& event : events) {
    const bool joins = !all->empty() && all->back().kind == event.kind &&
                       event.kind != Kind::kCallBegin && event.kind != Kind::kCallEnd;
    if (joins) {
      all->back().text += event.text;
    } else {
      all->push_back(event);
    }
  }
}

struct Parsed {
  std::vector<CompletionEvent> events;
  Completion completion;
};

Parsed ParseInPieces(const std::vector<std::string>& pieces, const CompletionOptions& options) {
  Parsed parsed;
  CompletionParser parser(options);
  for (const std::string& piece : pieces) AppendEvents(parser.Feed(piece), &parsed.events);
  AppendEvents(parser.Finish(), &parsed.events);
  parsed.completion = parser.completion();
  return parsed;
}

std::vector<std::string> SplitAtRandom(std::string_view text, std::mt19937* random) {
  const size_t longest = 1 + (*random)() % 12;
  std::vector<std::string> pieces;
  while (!text.empty()) {
    const size_t length = std::min<size_t>(text.size(), 1 + (*random)() % longest);
    pieces.emplace_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return pieces;
}

// What the events say must be what the completion says.
void ExpectEventsMatch(const Parsed& parsed) {
  Completion told;
  bool in_call = false;
  for (const CompletionEvent& event : parsed.events) {
    switch (event.kind) {
      case Kind::kReasoning:
        told.reasoning += event.text;
        break;
      case Kind::kContent:
        told.content += event.text;
        break;
      case Kind::kCallBegin:
        EXPECT_EQ(event.call, told.tool_calls.size());
        told.tool_calls.push_back({.name = event.text, .arguments = ""});
        break;
      case Kind::kCallArguments:
        ASSERT_EQ(event.call + 1, told.tool_calls.size());
        told.tool_calls.back().arguments += event.text;
        break;
      case Kind::kCallEnd:
        EXPECT_EQ(event.call + 1, told.tool_calls.size());
        break;
    }
    const bool of_call = event.kind != Kind::kReasoning && event.kind != Kind::kContent;
    EXPECT_EQ(in_call, of_call && event.kind != Kind::kCallBegin);
    in_call = of_call && event.kind != Kind::kCallEnd;
  }
  EXPECT_FALSE(in_call);
  EXPECT_EQ(told.reasoning, parsed.completion.reasoning);
  EXPECT_EQ(told.content, parsed.completion.content);
  ASSERT_EQ(told.tool_calls.size(), parsed.completion.tool_calls.size());
  for (size_t i = 0; i < told.tool_calls.size(); ++i) {
    EXPECT_EQ(told.tool_calls[i].name, parsed.completion.tool_calls[i].name);
    EXPECT_EQ(told.tool_calls[i].arguments, parsed.completion.tool_calls[i].arguments);
  }
}

void ExpectSameForAnySplit(std::string_view text, const CompletionOptions& options, int splits,
                           std::mt19937* random) {
  const Parsed whole = ParseInPieces({std::string(text)}, options);
  ExpectEventsMatch(whole);
  for (int i = 0; i < splits; ++i) {
    const Parsed parsed = ParseInPieces(SplitAtRandom(text, random), options);
    ASSERT_EQ(parsed.completion, whole.completion) << text;
    ASSERT_EQ(parsed.events, whole.events) << text;
  }
}

TEST(CompletionParser, DoesNotDependOnThePieces) {
  std::mt19937 random(1);
  for (const CompletionExample& example : CompletionExamples()) {
    SCOPED_TRACE(example.name);
    ExpectSameForAnySplit(example.text, example.options, 50, &random);
    const std::string text = example.text;
    for (size_t cut = 0; cut <= text.size(); ++cut) {
      const Parsed parsed = ParseInPieces({text.substr(0, cut), text.substr(cut)}, example.options);
      ASSERT_EQ(parsed.completion, ParseCompletion(text, example.options)) << cut;
    }
  }
}

// A text of markers and numbered words in any order, perhaps damaged.
std::string MakeJumble(std::mt19937* random, int* words) {
  static const std::vector<std::string> parts = {
      "\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n",
      "<｜DSML｜tool_calls>",
      "\n<tool_calls>\n<invoke name=\"g\">",
      "<DSML｜invoke name=\"h\">\n",
      "<｜DSML｜parameter name=\"a\" string=\"true\">",
      "<｜DSML｜parameter name=\"b\" string=\"false\">",
      "<｜｜DSML｜｜parameter name=\"c\">",
      "<parameter name=\"d\" string=\"true\">",
      "</｜DSML｜parameter>",
      "</parameter>\n",
      "\n</｜DSML｜invoke>\n",
      "</invoke>",
      "</｜DSML｜tool_calls>",
      "</think>",
      "<｜end▁of▁sentence｜>",
      "\n",
      "<",
      " ",
      "{\"x\": [1, 2]}",
      "｜",
      "\xE4\xB8",
  };
  std::string text;
  for (size_t count = (*random)() % 24; count > 0; --count) {
    if ((*random)() % 3 == 0) {
      text += fmt::format("w{}w", (*words)++);
    } else {
      text += parts[(*random)() % parts.size()];
    }
  }
  return text;
}

TEST(CompletionParser, IsSoundForAnyJumble) {
  std::mt19937 random(2);
  int calls = 0;
  for (int round = 0; round < 20000; ++round) {
    int words = 0;
    const std::string text = MakeJumble(&random, &words);
    const CompletionOptions options{.starts_in_reasoning = random() % 2 == 0};
    ExpectSameForAnySplit(text, options, 1, &random);
    const Completion completion = ParseCompletion(text, options);
    std::string all = completion.reasoning + completion.content;
    for (const CompletedCall& call : completion.tool_calls) {
      const auto arguments = ReadJson(call.arguments, "a", {.allow_non_finite = false});
      ASSERT_TRUE(arguments.ok()) << text << "\n" << call.arguments;
      ASSERT_NE(arguments->AsObject(), nullptr);
      all += call.arguments;
      ++calls;
    }
    for (int word = 0; word < words; ++word) {
      ASSERT_THAT(all, HasSubstr(fmt::format("w{}w", word))) << text;
    }
    if (HasFailure()) return;
  }
  EXPECT_GT(calls, 5000) << "the jumbles must hold calls to say anything";
}

TEST(CompletionParser, HoldsBackOnlyWhatMayBeAMarker) {
  CompletionParser parser(kThinking);
  const auto feed = [&](std::string_view piece) {
    std::string text;
    for (const CompletionEvent& event : parser.Feed(piece)) {
      if (event.kind != Kind::kCallBegin && event.kind != Kind::kCallEnd) text += event.text;
    }
    return text;
  };
  EXPECT_EQ(feed("hm"), "hm");
  EXPECT_EQ(feed("a < b"), "a < b");
  EXPECT_EQ(feed("x</thi"), "x");
  EXPECT_EQ(feed("s"), "</this");
  EXPECT_EQ(feed("</think>\n\n"), "");
  EXPECT_EQ(feed("\n"), "\n") << "only two line ends can belong to a block";
  EXPECT_EQ(feed("y"), "\n\ny");
  EXPECT_EQ(feed("\xE5\x8C"), "") << "part of a character";
  EXPECT_EQ(feed("\x97"), "北");
  EXPECT_EQ(feed("</"), "</") << "no block begins with a closing tag";
  EXPECT_EQ(feed("<｜DSML｜"), "");
  EXPECT_EQ(feed("x"), "<｜DSML｜x");
  EXPECT_EQ(feed("\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">"), "{");
  EXPECT_EQ(feed("\n<｜DSML｜parameter name=\"a\" string=\"true\">"), "\"a\": \"");
  EXPECT_EQ(feed("one"), "one");
  EXPECT_EQ(feed(" \"two\"\t"), " \\\"two\\\"\\t");
  EXPECT_EQ(feed("<b"), "<b");
  EXPECT_EQ(feed("\n"), "");
  EXPECT_EQ(feed("</"), "");
  EXPECT_EQ(feed("b>"), "\\n</b>");
  EXPECT_EQ(feed("</｜DSML｜parameter>"), "\"");
  EXPECT_EQ(feed("\n<｜DSML｜parameter name=\"b\" string=\"false\">[1,"), ", \"b\": ");
  EXPECT_EQ(feed("2]"), "") << "JSON may still turn out to be none";
  EXPECT_EQ(feed("</｜DSML｜parameter>"), "[1,2]");
  EXPECT_EQ(feed("\n</｜DSML｜invoke>"), "}");
  EXPECT_EQ(feed("\n</｜DSML｜tool_calls><｜end▁of▁sentence｜>"), "");
  EXPECT_THAT(parser.Finish(), IsEmpty());
  EXPECT_THAT(parser.completion().problems, IsEmpty());
}

TEST(CompletionParser, OnlyTheTokenEndsTheReasoning) {
  const std::vector<std::pair<std::string, Origin>> tokens = {
      {"I say </thi", Origin::kPlainTokens}, {"nk> and", Origin::kPlainTokens},
      {"</think>", Origin::kSpecialToken},   {"b<｜end▁of▁sentence｜>", Origin::kPlainTokens},
      {"</think>", Origin::kSpecialToken},
  };
  for (size_t length = 1; length < 12; ++length) {
    CompletionParser parser(kThinking);
    for (const auto& [bytes, origin] : tokens) {
      for (size_t at = 0; at < bytes.size(); at += length) {
        parser.Feed(bytes.substr(at, length), origin);
      }
    }
    parser.Feed("<｜end▁of▁sentence｜>", Origin::kPlainTokens);
    parser.Feed("<｜end▁of▁sentence｜>", Origin::kSpecialToken);
    parser.Finish();
    EXPECT_EQ(parser.completion().reasoning, "I say </think> and");
    EXPECT_EQ(parser.completion().content, "b<｜end▁of▁sentence｜></think><｜end▁of▁sentence｜>");
  }
}

// Wherever a limit cuts a turn: what is told of its calls is a beginning of what would have been
// told and no JSON, no markup shows, and what was said can be made a turn of the format.
TEST(CompletionParser, ACutCallStaysOpen) {
  const std::string text =
      "so\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n"
      "<｜DSML｜parameter name=\"a\" string=\"true\">x < \"é\"\n</p>\n</｜DSML｜parameter>\n"
      "<｜DSML｜parameter name=\"b\" string=\"false\">[12, "
      "3]</｜DSML｜parameter>\n</｜DSML｜invoke>\n"
      "<｜DSML｜invoke name=\"g\">\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>";
  const Completion whole = ParseCompletion(text);
  ASSERT_EQ(whole.tool_calls.size(), 2u);
  size_t open_calls = 0;
  for (size_t cut = 0; cut < text.size(); ++cut) {
    SCOPED_TRACE(text.substr(0, cut));
    CompletionParser parser;
    Parsed parsed;
    AppendEvents(parser.Feed(text.substr(0, cut)), &parsed.events);
    AppendEvents(parser.Finish(TextEnd::kCut), &parsed.events);
    parsed.completion = parser.completion();
    ExpectEventsMatch(parsed);
    EXPECT_THAT(parsed.completion.content, testing::Not(HasSubstr("｜DSML｜")));
    const auto& calls = parsed.completion.tool_calls;
    for (size_t i = 0; i < calls.size(); ++i) {
      EXPECT_EQ(calls[i].is_complete, calls[i].arguments == whole.tool_calls[i].arguments);
      EXPECT_TRUE(whole.tool_calls[i].arguments.starts_with(calls[i].arguments));
      EXPECT_EQ(ReadJson(calls[i].arguments, "").ok(), calls[i].is_complete);
      open_calls += calls[i].is_complete ? 0 : 1;
    }
    std::string closed = text.substr(0, cut - parser.cut_end().tag_bytes);
    std::string_view tags = parser.cut_end().closing_tags;
    if (closed.ends_with('\n') && tags.starts_with('\n')) tags.remove_prefix(1);
    const Completion turn = ParseCompletion(closed.append(tags));
    EXPECT_TRUE(calls.empty() || closed.ends_with("</｜DSML｜tool_calls>"));
    EXPECT_THAT(turn.problems,
                testing::Each(testing::AnyOf(HasSubstr("is not JSON"), HasSubstr("is not UTF-8"))));
    ASSERT_EQ(turn.tool_calls.size(), calls.size());
    for (const CompletedCall& call : turn.tool_calls) EXPECT_TRUE(call.is_complete);
    if (calls.size() == 1 && calls[0].arguments.ends_with("x ")) {
      EXPECT_TRUE(turn.tool_calls[0].arguments.starts_with(calls[0].arguments));
    }
  }
  EXPECT_GT(open_calls, 100u);
}

// Strings and content may speak about tags, with the marker spelled by ordinary tokens.
TEST(CompletionParser, OnlySpecialMarkersMakeTags) {
  const std::string spoken = "</｜DSML｜parameter>\n</｜DSML｜invoke>";
  const auto feed = [](CompletionParser& parser, const std::string& text) {
    for (size_t at = 0; at < text.size(); ++at)
      parser.Feed(text.substr(at, 1), Origin::kPlainTokens);
  };
  for (const bool only_special : {true, false}) {
    CompletionParser parser({.only_special_markers = only_special});
    const auto tag = [&](const std::string& begin, const std::string& rest) {
      feed(parser, begin);
      parser.Feed("｜DSML｜", Origin::kSpecialToken);
      feed(parser, rest);
    };
    if (only_special) feed(parser, "<tool_calls>\n<invoke name=\"f\">\n<｜DSML｜tool_calls>\n\n");
    tag("<", "tool_calls>\n");
    tag("<", "invoke name=\"f\">\n");
    tag("<", "parameter name=\"a\" string=\"true\">");
    feed(parser, spoken);
    tag("</", "parameter>\n");
    tag("</", "invoke>\n");
    tag("</", "tool_calls>");
    parser.Finish();
    const Completion& completion = parser.completion();
    ASSERT_EQ(completion.tool_calls.size(), 1u);
    const std::string arguments = "{\"a\": " + QuoteJson(spoken) + "}";
    EXPECT_EQ(completion.tool_calls[0].arguments == arguments, only_special);
    EXPECT_EQ(completion.problems.empty(), only_special);
    EXPECT_EQ(completion.content == "<tool_calls>\n<invoke name=\"f\">\n<｜DSML｜tool_calls>",
              only_special);
  }
}

TEST(CompletionParser, HoldsBackNothingThatIsNoToken) {
  CompletionParser parser(kThinking);
  EXPECT_THAT(parser.Feed("x</thi", Origin::kPlainTokens),
              ElementsAre(CompletionEvent{Kind::kReasoning, 0, "x</thi"}));
  EXPECT_THAT(parser.Feed("</thi", Origin::kSpecialToken), IsEmpty());
  EXPECT_TRUE(parser.in_reasoning());
  EXPECT_THAT(parser.Feed("nk>", Origin::kSpecialToken), IsEmpty());
  EXPECT_FALSE(parser.in_reasoning());
}

TEST(CompletionParser, TellsCallsInOrder) {
  CompletionParser parser(kChat);
  const auto events = parser.Feed(
      "Look\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n"
      "<｜DSML｜parameter name=\"a\" string=\"true\">1</｜DSML｜parameter>\n</｜DSML｜invoke>\n"
      "<｜DSML｜invoke name=\"g\">\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>");
  EXPECT_THAT(events, ElementsAre(CompletionEvent{Kind::kContent, 0, "Look"},
                                  CompletionEvent{Kind::kCallBegin, 0, "f"},
                                  CompletionEvent{Kind::kCallArguments, 0, "{\"a\": \"1\"}"},
                                  CompletionEvent{Kind::kCallEnd, 0, ""},
                                  CompletionEvent{Kind::kCallBegin, 1, "g"},
                                  CompletionEvent{Kind::kCallArguments, 1, "{}"},
                                  CompletionEvent{Kind::kCallEnd, 1, ""}));
}

std::string MakeText(std::mt19937* random, std::string_view extra) {
  static const std::vector<std::string> parts = {
      "a",  "B7", " ",  "<",        ">",       "&lt;",         "\"",         "\\",  "é",
      "中", "😀",  "｜", "</think>", "<invoke", "</parameter>", "{\"a\": 1}", "DSML"};
  std::string text;
  for (size_t count = (*random)() % 6; count > 0; --count) {
    const size_t pick = (*random)() % (parts.size() + extra.size());
    text += pick < parts.size() ? parts[pick] : std::string(1, extra[pick - parts.size()]);
  }
  return text;
}

// A name may not hold a quote before white space or ">": no reader could tell where it ends.
std::string MakeName(std::mt19937* random) {
  std::string name;
  for (size_t count = 1 + (*random)() % 5; count > 0; --count) {
    static const std::vector<std::string> parts = {"a", "_", "-", "Z9", "中", " ", "<", "\"b"};
    name += parts[(*random)() % parts.size()];
  }
  return name;
}

Json MakeValue(std::mt19937* random) {
  switch ((*random)() % 6) {
    case 0:
      return Json();
    case 1:
      return Json((*random)() % 2 == 0);
    case 2:
      return Json(static_cast<int64_t>((*random)()));
    case 3:
      return Json(Json::Array{Json(MakeText(random, "\n\t")), Json()});
    case 4:
      return Json(Json::Object{{MakeText(random, "\n"), Json(true)}});
    default:
      return Json(MakeText(random, "\n\t\r\x01"));
  }
}

TEST(CompletionParser, UndoesTheEncoder) {
  std::mt19937 random(3);
  for (int round = 0; round < 3000; ++round) {
    std::vector<ToolCall> calls(1 + random() % 3);
    for (ToolCall& call : calls) {
      call.name = MakeName(&random);
      Json::Object arguments;
      for (size_t count = random() % 4; count > 0; --count) {
        std::string key = MakeName(&random);
        const bool is_new = std::none_of(arguments.begin(), arguments.end(),
                                         [&](const auto& member) { return member.first == key; });
        if (is_new) arguments.emplace_back(std::move(key), MakeValue(&random));
      }
      call.arguments = PrintJson(Json(std::move(arguments)));
    }
    const std::string content = std::string("x") + MakeText(&random, "\n");
    Prompt prompt;
    AppendToolCalls(calls, &prompt);

    const Completion completion = ParseCompletion(content + "\n\n" + prompt.text());
    ASSERT_THAT(completion.problems, IsEmpty()) << prompt.text();
    ASSERT_EQ(completion.content, content);
    ASSERT_EQ(completion.tool_calls.size(), calls.size());
    std::vector<ToolCall> again;
    for (size_t i = 0; i < calls.size(); ++i) {
      const CompletedCall& call = completion.tool_calls[i];
      EXPECT_EQ(call.name, calls[i].name);
      EXPECT_EQ(call.arguments, calls[i].arguments);
      EXPECT_TRUE(call.is_complete);
      again.push_back({.name = call.name, .arguments = call.arguments});
    }
    Prompt second;
    AppendToolCalls(again, &second);
    ASSERT_EQ(second.text(), prompt.text());
  }
}

TEST(CompletionParser, GivesUpOnEndlessTags) {
  const std::string endless =
      "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"" + std::string(2 * kMaxTagLength, 'x');
  CompletionParser parser(kChat);
  std::string content;
  for (const CompletionEvent& event : parser.Feed(endless)) content += event.text;
  EXPECT_EQ(content, endless);
}

TEST(CompletionParser, BoundsItsProblemsAndObjects) {
  std::string text = "<｜DSML｜tool_calls><｜DSML｜invoke name=\"f\">";
  for (int i = 0; i < 1000; ++i) {
    text +=
        fmt::format("<｜DSML｜parameter name=\"p{}\">{}", i, i < 40 ? "</｜DSML｜parameter>" : "");
  }
  const Completion completion = ParseCompletion(text);
  EXPECT_EQ(completion.problems.size(), 32u);
  ASSERT_EQ(completion.tool_calls.size(), 1u);
  EXPECT_TRUE(ReadJson(completion.tool_calls[0].arguments, "a", {.max_depth = 17}).ok());
}

}  // namespace
}  // namespace fathom::text
