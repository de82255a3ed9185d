#include "text/message.h"

#include <gtest/gtest.h>

namespace fathom::text {
namespace {

TEST(Message, ReadsEveryField) {
  const auto conversation = ParseConversation(R"({
    "model": "deepseek-v4-flash",
    "messages": [
      {"role": "developer", "content": "D", "tools": [{"type": "function", "function": {"name": "f"}}],
       "response_format": {"type": "object"}, "task": "domain"},
      {"role": "assistant", "content": null, "refusal": null, "reasoning_content": "r", "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
        {"id": "c2", "type": "function", "function": {"name": "g", "arguments": {"b":[1,2]}}}]},
      {"role": "tool", "tool_call_id": "c1", "content": "T", "tool_calls": []},
      {"role": "user", "content": null, "tools": []},
      {"role": "assistant"}],
    "tools": [{"name": "h", "strict": false}]})",
                                              "t");
  ASSERT_TRUE(conversation.ok()) << conversation.error().message;
  const auto& messages = conversation->messages;
  ASSERT_EQ(messages.size(), 5u);
  EXPECT_EQ(messages[0].role, Role::kDeveloper);
  EXPECT_EQ(messages[0].content, "D");
  ASSERT_EQ(messages[0].tools.size(), 1u);
  EXPECT_EQ(PrintJson(messages[0].tools[0]), R"({"name": "f"})");
  EXPECT_EQ(PrintJson(*messages[0].response_format), R"({"type": "object"})");
  EXPECT_EQ(messages[0].task, Task::kDomain);
  EXPECT_EQ(messages[1].content, "");
  EXPECT_EQ(messages[1].reasoning_content, "r");
  ASSERT_EQ(messages[1].tool_calls.size(), 2u);
  EXPECT_EQ(messages[1].tool_calls[0].id, "c1");
  EXPECT_EQ(messages[1].tool_calls[0].arguments, R"({"a":1})");
  EXPECT_EQ(messages[1].tool_calls[1].name, "g");
  EXPECT_EQ(messages[1].tool_calls[1].arguments, R"({"b": [1, 2]})");
  EXPECT_EQ(messages[2].tool_call_id, "c1");
  EXPECT_EQ(messages[4].role, Role::kAssistant);
  ASSERT_EQ(conversation->tools.size(), 1u);
  EXPECT_EQ(PrintJson(conversation->tools[0]), R"({"name": "h", "strict": false})");
}

TEST(Message, TreatsAnEmptyResponseFormatAsNone) {
  const auto conversation =
      ParseConversation(R"([{"role": "system", "response_format": {}}])", "t");
  ASSERT_TRUE(conversation.ok());
  EXPECT_FALSE(conversation->messages[0].response_format.has_value());
}

struct Mistake {
  const char* json;
  const char* message;
};

TEST(Message, NamesTheFieldThatIsWrong) {
  const Mistake mistakes[] = {
      {"7",
       "chat.json: expected an object with \"messages\" or a list of messages, found a number"},
      {"{", "chat.json: byte 1: expected a key in quotes"},
      {"[\"\xC3\"]", "chat.json: byte 2: not valid UTF-8"},
      {"{}", "chat.json: messages: missing"},
      {R"({"messages": 1})", "chat.json: messages: expected a list, found a number"},
      {"[]", "chat.json: messages: empty"},
      {"[1]", "chat.json: messages[0]: expected an object, found a number"},
      {"[{}]", "chat.json: messages[0].role: missing"},
      {R"([{"role": "User", "content": "a"}])",
       "chat.json: messages[0].role: unknown \"User\"; known are system, developer, user, "
       "assistant, tool, latest_reminder"},
      {R"([{"role": "user", "content": "a"}, {"role": "user"}])",
       "chat.json: messages[1].content: missing"},
      {R"([{"role": "user", "content": 3}])",
       "chat.json: messages[0].content: expected a string, null or a list of parts, found a "
       "number"},
      {R"([{"role": "user", "content": ["a"]}])",
       "chat.json: messages[0].content[0]: expected an object, found a string"},
      {R"([{"role": "user", "content": [{"text": "a"}]}])",
       "chat.json: messages[0].content[0].type: missing"},
      {R"([{"role": "user", "content": [{"type": "text"}]}])",
       "chat.json: messages[0].content[0].text: missing"},
      {R"([{"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}])",
       "chat.json: messages[0].tool_calls[0].function.arguments: missing"},
      {R"([{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": []}}]}])",
       "chat.json: messages[0].tool_calls[0].function.arguments: expected a string or an object, "
       "found a list"},
      {R"([{"role": "assistant", "tool_calls": [{"name": "f"}]}])",
       "chat.json: messages[0].tool_calls[0].function: missing"},
      {R"([{"role": "user", "content": "", "tool_calls": [{}]}])",
       "chat.json: messages[0].tool_calls: only assistant messages have this field"},
      {R"([{"role": "user", "content": "", "tools": [{"name": "f"}]}])",
       "chat.json: messages[0].tools: only system and developer messages have this field"},
      {R"([{"role": "assistant", "task": "title"}])",
       "chat.json: messages[0].task: only user and developer messages have this field"},
      {R"([{"role": "user", "content": "", "task": "sing"}])",
       "chat.json: messages[0].task: unknown \"sing\"; known are action, query, authority, domain, "
       "title, read_url, extracted_url"},
      {R"([{"role": "system", "response_format": "json"}])",
       "chat.json: messages[0].response_format: expected an object, found a string"},
      {R"({"messages": [{"role": "system"}], "tools": [{"type": "web_search"}]})",
       "chat.json: tools[0].type: only functions can be tools"},
      {R"({"messages": [{"role": "system"}], "tools": [{"name": "f"}, {"parameters": {}}]})",
       "chat.json: tools[1].name: missing"},
      {R"({"messages": [{"role": "system"}], "tools": [{"type": "function", "function": {}}]})",
       "chat.json: tools[0].function.name: missing"},
  };
  for (const Mistake& mistake : mistakes) {
    const auto conversation = ParseConversation(mistake.json, "chat.json");
    ASSERT_FALSE(conversation.ok()) << mistake.json;
    EXPECT_EQ(conversation.error().message, mistake.message);
  }
}

}  // namespace
}  // namespace fathom::text
