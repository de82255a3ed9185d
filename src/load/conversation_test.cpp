#include "load/conversation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace fathom::load {
namespace {

using Json = nlohmann::ordered_json;
using testing::ElementsAre;

std::vector<std::string> RolesOf(const Json& request) {
  std::vector<std::string> roles;
  for (const Json& message : request["messages"]) roles.push_back(message["role"]);
  return roles;
}

Json ReadRequest(const Conversation& conversation) {
  return Json::parse(conversation.MakeRequest());
}

TEST(LoadConversation, AsksForAStreamWithItsUsage) {
  const Json request = ReadRequest(Conversation({.model = "m", .answer_tokens = 7}, 1));
  EXPECT_EQ(request["model"], "m");
  EXPECT_EQ(request["max_tokens"], 7);
  EXPECT_EQ(request["stream"], true);
  EXPECT_EQ(request["stream_options"]["include_usage"], true);
  EXPECT_GE(request["tools"].size(), 3u);
  EXPECT_TRUE(request["tools"][0]["function"]["parameters"].is_object());
  EXPECT_FALSE(request.contains("ignore_eos"));
  EXPECT_EQ(ReadRequest(Conversation({.fixes_length = true}, 1))["ignore_eos"], true);
}

TEST(LoadConversation, GrowsByAnswersAndQuestions) {
  Conversation conversation({}, 3);
  const Json first = ReadRequest(conversation);
  EXPECT_THAT(RolesOf(first), ElementsAre("system", "user"));
  conversation.Continue({.reasoning = "hm", .content = "Yes."});
  const Json second = ReadRequest(conversation);
  EXPECT_THAT(RolesOf(second), ElementsAre("system", "user", "assistant", "user"));
  EXPECT_EQ(second["messages"][2]["content"], "Yes.");
  EXPECT_EQ(second["messages"][2]["reasoning_content"], "hm");
  EXPECT_NE(second["messages"][1], second["messages"][3]);
  EXPECT_EQ(second["messages"][0], first["messages"][0]);
}

TEST(LoadConversation, AnswersCallsWithResults) {
  Conversation conversation({}, 3);
  conversation.Continue({.calls = {{.id = "a", .name = "find_order", .arguments = R"({"id": 7})"},
                                   {.id = "b", .name = "cut", .arguments = R"({"id)"}}});
  const Json request = ReadRequest(conversation);
  EXPECT_THAT(RolesOf(request), ElementsAre("system", "user", "assistant", "tool", "tool"));
  const Json& calls = request["messages"][2]["tool_calls"];
  EXPECT_EQ(calls[0]["function"]["arguments"], R"({"id": 7})");
  EXPECT_EQ(calls[1]["function"]["arguments"], "{}");
  EXPECT_EQ(request["messages"][3]["tool_call_id"], "a");
  EXPECT_TRUE(Json::parse(request["messages"][4]["content"].get<std::string>()).is_object());
  conversation.Continue({.content = "Found."});
  EXPECT_EQ(RolesOf(ReadRequest(conversation)).back(), "user");
}

TEST(LoadConversation, HasQuestionsForAsLongAsItGoes) {
  Conversation conversation({}, 5);
  for (int i = 0; i < 120; ++i) conversation.Continue({.content = "x"});
  EXPECT_EQ(ReadRequest(conversation)["messages"].size(), 2u + 2 * 120);
}

TEST(LoadConversation, DependsOnTheSeedAndHasTheSizeThatWasAskedFor) {
  std::set<std::string> documents;
  for (const uint64_t seed : {1, 2, 3}) {
    const ConversationOptions options = {.document_bytes = 5000};
    EXPECT_EQ(Conversation(options, seed).MakeRequest(), Conversation(options, seed).MakeRequest());
    const std::string document = ReadRequest(Conversation(options, seed))["messages"][0]["content"];
    EXPECT_NEAR(static_cast<double>(document.size()), 5000, 200);
    documents.insert(document.substr(0, 40));
  }
  EXPECT_EQ(documents.size(), 3u);
}

}  // namespace
}  // namespace fathom::load
