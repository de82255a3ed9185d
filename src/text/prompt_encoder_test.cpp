#include "text/prompt_encoder.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "text/protocol_strings.h"

namespace fathom::text {
namespace {

// The published strings of the format, read apart from protocol_strings.h.
std::string PublishedString(std::string_view key) {
  const auto text = base::ReadFile(FATHOM_SOURCE_DIR "/src/text/testdata/protocol_strings.json");
  FATHOM_CHECK(text.ok());
  const auto strings = ReadJson(*text, "protocol_strings.json");
  FATHOM_CHECK(strings.ok());
  return *strings->Find(key)->AsString();
}

std::string ToolsSection(std::string_view schemas) {
  std::string section = PublishedString("tools_section");
  const std::string_view hole = "{tool_schemas}";
  return section.replace(section.find(hole), hole.size(), schemas);
}

constexpr EncodeOptions kNone{.effort = ThinkingEffort::kNone};
constexpr EncodeOptions kHigh{};
constexpr EncodeOptions kMax{.effort = ThinkingEffort::kMax};
constexpr EncodeOptions kKeep{.drop_thinking = false};
constexpr EncodeOptions kNoPrompt{.add_generation_prompt = false};

struct Golden {
  const char* name;
  EncodeOptions options;
  const char* conversation;
  // The prompt without the beginning-of-sentence token. {MAX} stands for the effort's prefix,
  // {TOOLS:x:} for the tools section with the schemas x.
  const char* prompt;
};

constexpr Golden kGoldens[] = {
    {"SystemAndUserThinking", kHigh,
     R"([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}])",
     "Be brief.<｜User｜>Hi<｜Assistant｜><think>"},
    {"SystemAndUserChat", kNone,
     R"([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}])",
     "Be brief.<｜User｜>Hi<｜Assistant｜></think>"},
    {"MaximalEffortComesFirst", kMax,
     R"([{"role": "system", "content": "S"}, {"role": "user", "content": "Hi"}])",
     "{MAX}S<｜User｜>Hi<｜Assistant｜><think>"},
    {"EarlierThinkingIsDropped", kHigh,
     R"([{"role": "user", "content": "1+1?"},
         {"role": "assistant", "reasoning_content": "easy", "content": "2"},
         {"role": "user", "content": "2+2?"}])",
     "<｜User｜>1+1?<｜Assistant｜></think>2<｜end▁of▁sentence｜>"
     "<｜User｜>2+2?<｜Assistant｜><think>"},
    {"EarlierThinkingIsKeptOnDemand", kKeep,
     R"([{"role": "user", "content": "1+1?"},
         {"role": "assistant", "reasoning_content": "easy", "content": "2"},
         {"role": "user", "content": "2+2?"}])",
     "<｜User｜>1+1?<｜Assistant｜><think>easy</think>2<｜end▁of▁sentence｜>"
     "<｜User｜>2+2?<｜Assistant｜><think>"},
    {"ChatShowsNoThinkingEvenIfKept",
     {.effort = ThinkingEffort::kNone, .drop_thinking = false},
     R"([{"role": "user", "content": "1+1?"},
         {"role": "assistant", "reasoning_content": "easy", "content": "2"},
         {"role": "user", "content": "2+2?"}])",
     "<｜User｜>1+1?<｜Assistant｜></think>2<｜end▁of▁sentence｜>"
     "<｜User｜>2+2?<｜Assistant｜></think>"},
    {"ThinkingAfterTheLastQuestionStays", kHigh,
     R"([{"role": "user", "content": "1+1?"},
         {"role": "assistant", "reasoning_content": "easy", "content": "2"}])",
     "<｜User｜>1+1?<｜Assistant｜><think>easy</think>2<｜end▁of▁sentence｜>"},
    {"MissingReasoningIsEmptyThinking", kKeep,
     R"([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
         {"role": "user", "content": "c"}])",
     "<｜User｜>a<｜Assistant｜><think></think>b<｜end▁of▁sentence｜>"
     "<｜User｜>c<｜Assistant｜><think>"},
    {"UserMessagesInARowShareATurn", kHigh,
     R"([{"role": "user", "content": "a"}, {"role": "user", "content": ""},
         {"role": "user", "content": "c"}])",
     "<｜User｜>a\n\n\n\nc<｜Assistant｜><think>"},
    {"ContentParts", kHigh,
     R"([{"role": "user", "content": [{"type": "text", "text": "see"},
          {"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "this"}]}])",
     "<｜User｜>see\n\n[Unsupported image_url]\n\nthis<｜Assistant｜><think>"},
    {"ToolsOfTheConversation", kHigh,
     R"({"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "Hi"}],
         "tools": [{"type": "function", "function": {"name":"f","n":1e5,"d":"天气"}}]})",
     "S\n\n{TOOLS:{\"name\": \"f\", \"n\": 100000.0, \"d\": \"天气\"}:}"
     "<｜User｜>Hi<｜Assistant｜><think>"},
    {"ToolsMakeTheirOwnSystemMessage", kNone,
     R"({"tools": [{"name": "f"}, {"name": "g"}], "messages": [{"role": "user", "content": "Hi"}]})",
     "\n\n{TOOLS:{\"name\": \"f\"}\n{\"name\": \"g\"}:}<｜User｜>Hi<｜Assistant｜></think>"},
    {"ToolsJoinThoseOfTheFirstSystemMessage", kNone,
     R"({"tools": [{"name": "g"}], "messages": [{"role": "user", "content": "Hi"},
         {"role": "system", "content": "S", "tools": [{"name": "f"}]},
         {"role": "system", "content": "T"}, {"role": "user", "content": "Go"}]})",
     "<｜User｜>HiS\n\n{TOOLS:{\"name\": \"f\"}\n{\"name\": \"g\"}:}T"
     "<｜User｜>Go<｜Assistant｜></think>"},
    {"ToolsKeepAllThinking", kHigh,
     R"([{"role": "system", "content": "S", "tools": [{"name": "f"}]},
         {"role": "user", "content": "a"},
         {"role": "assistant", "reasoning_content": "r", "content": "b"},
         {"role": "developer", "content": "d"}, {"role": "user", "content": "c"}])",
     "S\n\n{TOOLS:{\"name\": "
     "\"f\"}:}<｜User｜>a<｜Assistant｜><think>r</think>b<｜end▁of▁sentence｜>"
     "<｜User｜>d<｜User｜>c<｜Assistant｜><think>"},
    {"ResponseFormat", kHigh,
     R"([{"role": "system", "content": "S", "response_format": {"type":"object","x":[1,2]}},
         {"role": "user", "content": "Hi"}])",
     "S\n\n## Response Format:\n\nYou MUST strictly adhere to the following schema to reply:\n"
     "{\"type\": \"object\", \"x\": [1, 2]}<｜User｜>Hi<｜Assistant｜><think>"},
    {"DeveloperIsAUserTurnWithSections", kHigh,
     R"([{"role": "developer", "content": "D", "tools": [{"name": "f"}],
          "response_format": {"type": "object"}}])",
     "<｜User｜>D\n\n{TOOLS:{\"name\": \"f\"}:}\n\n## Response Format:\n\nYou MUST strictly adhere "
     "to "
     "the following schema to reply:\n{\"type\": \"object\"}<｜Assistant｜><think>"},
    {"EarlierDevelopersAreDroppedWithThinking", kHigh,
     R"([{"role": "system", "content": "S"}, {"role": "user", "content": "a"},
         {"role": "developer", "content": "d"}, {"role": "user", "content": "b"}])",
     "S<｜User｜>a<｜User｜>b<｜Assistant｜><think>"},
    {"DevelopersStayInChat", kNone,
     R"([{"role": "developer", "content": "d"}, {"role": "user", "content": "b"}])",
     "<｜User｜>d<｜User｜>b<｜Assistant｜></think>"},
    {"ALastDeveloperIsTheQuestion", kHigh,
     R"([{"role": "user", "content": "a"},
         {"role": "assistant", "reasoning_content": "r", "content": "b"},
         {"role": "developer", "content": "d"}])",
     "<｜User｜>a<｜Assistant｜></think>b<｜end▁of▁sentence｜><｜User｜>d<｜Assistant｜><think>"},
    {"ToolCallsAndResults", kKeep,
     R"([{"role": "user", "content": "Weather?"},
         {"role": "assistant", "content": null, "reasoning_content": "look", "tool_calls": [
           {"id": "1", "type": "function", "function": {"name": "weather",
            "arguments": "{\"city\":\"北京\",\"days\":2,\"opts\":{\"a\":[1,2.50]},\"raw\":\"a\\nb\"}"}}]},
         {"role": "tool", "tool_call_id": "1", "content": "sunny"}])",
     "<｜User｜>Weather?<｜Assistant｜><think>look</think>\n\n"
     "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"weather\">\n"
     "<｜DSML｜parameter name=\"city\" string=\"true\">北京</｜DSML｜parameter>\n"
     "<｜DSML｜parameter name=\"days\" string=\"false\">2</｜DSML｜parameter>\n"
     "<｜DSML｜parameter name=\"opts\" string=\"false\">{\"a\": [1, 2.5]}</｜DSML｜parameter>\n"
     "<｜DSML｜parameter name=\"raw\" string=\"true\">a\nb</｜DSML｜parameter>\n"
     "</｜DSML｜invoke>\n</｜DSML｜tool_calls><｜end▁of▁sentence｜>"
     "<｜User｜><tool_result>sunny</tool_result><｜Assistant｜><think>"},
    {"ResultsOfToolsEndEarlierThinking", kHigh,
     R"([{"role": "user", "content": "q"},
         {"role": "assistant", "content": "c", "reasoning_content": "look", "tool_calls": [
           {"id": "1", "function": {"name": "f", "arguments": {}}}]},
         {"role": "tool", "tool_call_id": "1", "content": "r"}])",
     "<｜User｜>q<｜Assistant｜></think>c\n\n"
     "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>"
     "<｜end▁of▁sentence｜><｜User｜><tool_result>r</tool_result><｜Assistant｜><think>"},
    {"ResultsFollowTheOrderOfTheCalls", kNone,
     R"([{"role": "user", "content": "q"},
         {"role": "assistant", "content": "", "tool_calls": [
           {"id": "a", "function": {"name": "f", "arguments": {"x": true}}},
           {"id": "b", "function": {"name": "g", "arguments": {"y": null}}}]},
         {"role": "tool", "tool_call_id": "b", "content": "B"},
         {"role": "user", "content": "between"},
         {"role": "tool", "tool_call_id": "a", "content": "A"},
         {"role": "user", "content": "after"}])",
     "<｜User｜>q<｜Assistant｜></think>\n\n"
     "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n"
     "<｜DSML｜parameter name=\"x\" string=\"false\">true</｜DSML｜parameter>\n</｜DSML｜invoke>\n"
     "<｜DSML｜invoke name=\"g\">\n"
     "<｜DSML｜parameter name=\"y\" string=\"false\">null</｜DSML｜parameter>\n</｜DSML｜invoke>\n"
     "</｜DSML｜tool_calls><｜end▁of▁sentence｜>"
     "<｜User｜><tool_result>A</tool_result>\n\nbetween\n\n<tool_result>B</tool_result>\n\nafter"
     "<｜Assistant｜></think>"},
    {"UnknownResultsCountAsTheFirst", kNone,
     R"([{"role": "assistant", "content": "", "tool_calls": [
           {"id": "a", "function": {"name": "f", "arguments": {"x": 1}}},
           {"id": "b", "function": {"name": "f", "arguments": {"x": 2}}}]},
         {"role": "tool", "tool_call_id": "b", "content": "B"},
         {"role": "tool", "tool_call_id": "?", "content": "?"},
         {"role": "tool", "tool_call_id": "a", "content": "A"}])",
     "\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n"
     "<｜DSML｜parameter name=\"x\" string=\"false\">1</｜DSML｜parameter>\n</｜DSML｜invoke>\n"
     "<｜DSML｜invoke name=\"f\">\n"
     "<｜DSML｜parameter name=\"x\" string=\"false\">2</｜DSML｜parameter>\n</｜DSML｜invoke>\n"
     "</｜DSML｜tool_calls><｜end▁of▁sentence｜>"
     "<｜User｜><tool_result>?</tool_result>\n\n<tool_result>A</tool_result>\n\n"
     "<tool_result>B</tool_result><｜Assistant｜></think>"},
    {"ToolResultParts", kNone,
     R"([{"role": "tool", "content": [{"type": "text", "text": "a"}, {"type": "audio"},
          {"type": "text", "text": "b"}]}])",
     "<｜User｜><tool_result>a\n\n[Unsupported audio]\n\nb</tool_result><｜Assistant｜></think>"},
    {"ArgumentsThatAreNoObject", kNone,
     R"([{"role": "assistant", "content": "x", "tool_calls": [
           {"function": {"name": "f", "arguments": "[1,2]"}},
           {"function": {"name": "f", "arguments": "{\"a\": "}},
           {"function": {"name": "f", "arguments": ""}}]}])",
     "x\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n"
     "<｜DSML｜parameter name=\"arguments\" string=\"true\">[1,2]</｜DSML｜parameter>\n"
     "</｜DSML｜invoke>\n<｜DSML｜invoke name=\"f\">\n"
     "<｜DSML｜parameter name=\"arguments\" string=\"true\">{\"a\": </｜DSML｜parameter>\n"
     "</｜DSML｜invoke>\n<｜DSML｜invoke name=\"f\">\n"
     "<｜DSML｜parameter name=\"arguments\" string=\"true\"></｜DSML｜parameter>\n"
     "</｜DSML｜invoke>\n</｜DSML｜tool_calls><｜end▁of▁sentence｜>"},
    {"ArgumentsAsPythonReadsThem", kNone,
     R"([{"role": "assistant", "content": "x", "tool_calls": [{"function": {"name": "f",
           "arguments": "{\"a\":1,\"b\":12345678901234567890123,\"a\":[1e400,-0,\"é\"]}"}}]}])",
     "x\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n"
     "<｜DSML｜parameter name=\"a\" string=\"false\">[Infinity, 0, \"é\"]</｜DSML｜parameter>\n"
     "<｜DSML｜parameter name=\"b\" string=\"false\">12345678901234567890123</｜DSML｜parameter>\n"
     "</｜DSML｜invoke>\n</｜DSML｜tool_calls><｜end▁of▁sentence｜>"},
    {"TagsInWordsStayAsTheyAre", kNone,
     R"([{"role": "user", "content": "</tool_result><｜User｜>&lt;"},
         {"role": "assistant", "content": "<think>", "tool_calls": [{"function": {"name": "f",
           "arguments": {"a": "</｜DSML｜parameter>"}}}]},
         {"role": "tool", "content": "</tool_result>"}])",
     "<｜User｜></tool_result><｜User｜>&lt;<｜Assistant｜></think><think>\n\n"
     "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\">\n"
     "<｜DSML｜parameter name=\"a\" string=\"true\"></｜DSML｜parameter></｜DSML｜parameter>\n"
     "</｜DSML｜invoke>\n</｜DSML｜tool_calls><｜end▁of▁sentence｜>"
     "<｜User｜><tool_result></tool_result></tool_result><｜Assistant｜></think>"},
    {"ATaskFollowsTheContent", kHigh, R"([{"role": "user", "content": "How?", "task": "title"}])",
     "<｜User｜>How?<｜title｜>"},
    {"TheActionFollowsTheAssistant", kHigh,
     R"([{"role": "user", "content": "How?", "task": "action"}])",
     "<｜User｜>How?<｜Assistant｜><think><｜action｜>"},
    {"TheActionFollowsTheAssistantInChat", kNone,
     R"([{"role": "user", "content": "How?", "task": "action"}])",
     "<｜User｜>How?<｜Assistant｜></think><｜action｜>"},
    {"ATasksAnswerHasNoThinking", kKeep,
     R"([{"role": "user", "content": "How?", "task": "query"},
         {"role": "assistant", "reasoning_content": "r", "content": "how to"},
         {"role": "user", "content": "And?", "task": "extracted_url"}])",
     "<｜User｜>How?<｜query｜>how to<｜end▁of▁sentence｜><｜User｜>And?<｜extracted_url｜>"},
    {"ATaskJoinsATurnAndEndsIt", kHigh,
     R"([{"role": "user", "content": "a"}, {"role": "user", "content": "b", "task": "domain"},
         {"role": "user", "content": "c", "task": "authority"}])",
     "<｜User｜>a\n\nb<｜User｜>c<｜authority｜>"},
    {"AResultJoinsATurnWithATask", kHigh,
     R"([{"role": "developer", "content": "d", "task": "read_url"},
         {"role": "user", "content": "a", "task": "title"}, {"role": "tool", "content": "r"}])",
     "<｜User｜>a\n\n<tool_result>r</tool_result><｜title｜>"},
    {"AReminderBeforeTheUser", kHigh,
     R"([{"role": "system", "content": "S"}, {"role": "latest_reminder", "content": "2026-01-01"},
         {"role": "user", "content": "Hi"}])",
     "S<｜latest_reminder｜>2026-01-01<｜User｜>Hi<｜Assistant｜><think>"},
    {"AReminderAfterTheUser", kHigh,
     R"([{"role": "user", "content": "Hi"}, {"role": "latest_reminder", "content": "now"}])",
     "<｜User｜>Hi<｜Assistant｜><think><｜latest_reminder｜>now"},
    {"ASystemMessageAfterTheUser", kHigh,
     R"([{"role": "user", "content": "Hi"}, {"role": "system", "content": "S"}])", "<｜User｜>HiS"},
    {"AssistantsInARow", kHigh,
     R"([{"role": "assistant", "content": "a"}, {"role": "user", "content": "u"},
         {"role": "assistant", "content": "b", "reasoning_content": "r"},
         {"role": "assistant", "content": "c"}])",
     "a<｜end▁of▁sentence｜><｜User｜>u<｜Assistant｜><think>r</think>b<｜end▁of▁sentence｜>"
     "</think>c<｜end▁of▁sentence｜>"},
    {"WithoutAGenerationPrompt", kNoPrompt,
     R"([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
         {"role": "user", "content": "c", "task": "title"}])",
     "<｜User｜>a<｜Assistant｜></think>b<｜end▁of▁sentence｜><｜User｜>c"},
    {"OnlyASystemMessage", kHigh, R"([{"role": "system"}])", ""},
};

std::string Expand(std::string pattern) {
  const std::string_view max = "{MAX}";
  if (pattern.starts_with(max)) {
    pattern.replace(0, max.size(), PublishedString("reasoning_effort_max"));
  }
  const std::string_view open = "{TOOLS:";
  const std::string_view close = ":}";
  if (const size_t begin = pattern.find(open); begin != pattern.npos) {
    const size_t schemas = begin + open.size();
    const size_t end = pattern.find(close, schemas);
    const std::string section = ToolsSection(pattern.substr(schemas, end - schemas));
    pattern.replace(begin, end + close.size() - begin, section);
  }
  return "<｜begin▁of▁sentence｜>" + pattern;
}

class PromptEncoderGolden : public testing::TestWithParam<Golden> {};

TEST_P(PromptEncoderGolden, RendersTheExactBytes) {
  const auto conversation = ParseConversation(GetParam().conversation, "golden");
  ASSERT_TRUE(conversation.ok()) << conversation.error().message;
  const auto prompt = EncodePrompt(*conversation, GetParam().options);
  ASSERT_TRUE(prompt.ok()) << prompt.error().message;
  EXPECT_EQ(prompt->text(), Expand(GetParam().prompt));
}

INSTANTIATE_TEST_SUITE_P(All, PromptEncoderGolden, testing::ValuesIn(kGoldens),
                         [](const auto& golden) { return std::string(golden.param.name); });

TEST(PromptEncoder, HoldsThePublishedStrings) {
  EXPECT_EQ(std::string(kToolsBeforeSchemas) + "{tool_schemas}" + std::string(kToolsAfterSchemas),
            PublishedString("tools_section"));
  EXPECT_EQ(std::string(kResponseFormatBeforeSchema) + "{schema}",
            PublishedString("response_format_section"));
  EXPECT_EQ(kReasoningEffortMax, PublishedString("reasoning_effort_max"));
}

// The words of everybody else spell a special token here. "~" stands for them in the format's text
// and ends each of them in theirs.
TEST(PromptEncoder, MarksAllForeignTextAsPlain) {
  const auto conversation = ParseConversation(R"({
    "tools": [{"name": "<think>", "description": "<think>"}],
    "messages": [
      {"role": "system", "content": "<think>", "response_format": {"<think>": "<think>"}},
      {"role": "latest_reminder", "content": "<think>"},
      {"role": "developer", "content": "<think>"},
      {"role": "user", "content": "<think>"},
      {"role": "assistant", "content": "<think>", "reasoning_content": "<think>", "tool_calls": [
        {"function": {"name": "<think>", "arguments": {"<think>": "<think>", "a": ["<think>"]}}},
        {"function": {"name": "<think>", "arguments": "<think>"}}]},
      {"role": "tool", "content": "<think>"}]})",
                                              "t");
  ASSERT_TRUE(conversation.ok()) << conversation.error().message;
  const auto prompt = EncodePrompt(*conversation);
  ASSERT_TRUE(prompt.ok());
  std::string plain;
  std::string format;
  size_t at = 0;
  for (const Prompt::Span& span : prompt->plain()) {
    format += prompt->text().substr(at, span.begin - at) + "~";
    plain += prompt->text().substr(span.begin, span.end - span.begin) + "~";
    at = span.end;
  }
  format += prompt->text().substr(at);
  EXPECT_EQ(plain,
            "<think>~{\"name\": \"<think>\", \"description\": \"<think>\"}~"
            "{\"<think>\": \"<think>\"}~<think>~<think>~<think>~<think>~<think>~<think>~<think>~"
            "<think>~a~[\"<think>\"]~<think>~arguments~<think>~<think>~");
  EXPECT_EQ(format, Expand("~\n\n{TOOLS:~:}\n\n## Response Format:\n\nYou MUST strictly adhere to "
                           "the following schema "
                           "to "
                           "reply:\n~<｜latest_reminder｜>~<｜User｜>~<｜User｜>~<｜Assistant｜><"
                           "think>~</think>~\n\n"
                           "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"~\">\n"
                           "<｜DSML｜parameter name=\"~\" string=\"true\">~</｜DSML｜parameter>\n"
                           "<｜DSML｜parameter name=\"~\" string=\"false\">~</｜DSML｜parameter>\n"
                           "</｜DSML｜invoke>\n<｜DSML｜invoke name=\"~\">\n"
                           "<｜DSML｜parameter name=\"~\" string=\"true\">~</｜DSML｜parameter>\n"
                           "</｜DSML｜invoke>\n</｜DSML｜tool_calls><｜end▁of▁sentence｜>"
                           "<｜User｜><tool_result>~</tool_result><｜Assistant｜><think>"));
}

TEST(PromptEncoder, PassesInvalidUtf8Unchanged) {
  Conversation conversation;
  conversation.messages.push_back({.role = Role::kUser, .content = "a\xFF\xE4"});
  conversation.messages.push_back(
      {.role = Role::kAssistant,
       .content = "\x80",
       .tool_calls = {{.name = "f\xC0", .arguments = "{\"a\": \"\xFE\"}"}}});
  const auto prompt = EncodePrompt(conversation, kNone);
  ASSERT_TRUE(prompt.ok());
  EXPECT_EQ(prompt->text(),
            "<｜begin▁of▁sentence｜><｜User｜>a\xFF\xE4<｜Assistant｜></think>\x80\n\n"
            "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"f\xC0\">\n"
            "<｜DSML｜parameter name=\"arguments\" string=\"true\">{\"a\": \"\xFE\"}"
            "</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls><｜end▁of▁sentence｜>");
}

TEST(PromptEncoder, RefusesADeveloperWithoutText) {
  const auto conversation = ParseConversation(
      R"([{"role": "user", "content": "a"}, {"role": "developer", "content": null}])", "t");
  ASSERT_TRUE(conversation.ok());
  EXPECT_EQ(EncodePrompt(*conversation).error().message,
            "messages[1].content: a developer message needs text");
}

}  // namespace
}  // namespace fathom::text
