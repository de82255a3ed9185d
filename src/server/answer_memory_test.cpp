#include "server/answer_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/temporary_folder_testing.h"
#include "text/prompt_encoder.h"
#include "text/protocol_strings.h"

namespace fathom::server {
namespace {

using Tokens = std::vector<int32_t>;
using text::Conversation;
using text::Role;

// A conversation of a question, an answer and another question, and a memory that may know the
// answer.
class AnswerMemoryTest : public testing::Test {
 protected:
  AnswerMemoryTest()
      : tokenizer_(text::Tokenizer::Load(std::string(FATHOM_SOURCE_DIR) +
                                         "/tests/models/recall/tokenizer.json")
                       .value()),
        format_(FindFormatTokens(tokenizer_).value()),
        memory_(AnswerMemory::Open("", tokenizer_, format_).value()) {}

  Tokens Render(const Conversation& conversation,
                text::ThinkingEffort effort = text::ThinkingEffort::kHigh) const {
    text::EncodeOptions options;
    options.effort = effort;
    return *tokenizer_.Encode(*text::EncodePrompt(conversation, options));
  }

  // Tokens of what the model said.
  Tokens Spell(const std::string& reasoning, const std::string& content,
               const std::vector<text::ToolCall>& calls = {}) const {
    Tokens tokens;
    const auto add = [&](const std::string& text) {
      for (const char byte : text) tokens.push_back(*tokenizer_.IdOf(std::string(1, byte)));
    };
    add(reasoning);
    tokens.push_back(format_.think_end);
    add(content);
    if (!calls.empty()) {
      text::Prompt markup;
      markup.AppendFormat("\n\n");
      text::AppendToolCalls(calls, &markup);
      const Tokens block = tokenizer_.Encode(markup).value();
      tokens.insert(tokens.end(), block.begin(), block.end());
    }
    tokens.push_back(format_.end);
    return tokens;
  }

  static Conversation Ask() {
    Conversation conversation;
    conversation.messages = {{.role = Role::kUser, .content = "question"}};
    return conversation;
  }

  static Conversation Continue(text::Message answer) {
    Conversation conversation = Ask();
    const std::string id = answer.tool_calls.empty() ? "" : answer.tool_calls.front().id;
    answer.role = Role::kAssistant;
    conversation.messages.push_back(std::move(answer));
    conversation.messages.push_back(
        {.role = id.empty() ? Role::kUser : Role::kTool, .content = "another", .tool_call_id = id});
    return conversation;
  }

  void Remember(const Tokens& answer, const std::string& content,
                std::vector<std::string> call_ids = {}) {
    const Tokens prompt = Render(Ask());
    const base::Status status = memory_->Remember({.place = AnswerMemory::NamePlace(prompt),
                                                   .opening = prompt.back(),
                                                   .call_ids = std::move(call_ids),
                                                   .content = content,
                                                   .tokens = answer});
    ASSERT_TRUE(status.ok());
  }

  text::Tokenizer tokenizer_;
  FormatTokens format_;
  std::unique_ptr<AnswerMemory> memory_;
};

const text::ToolCall kCall{.id = "call_1", .name = "look", .arguments = R"({"at": "it", "n": 1})"};

TEST_F(AnswerMemoryTest, RestoresACallByItsId) {
  const Tokens answer = Spell("hm", "so", {kCall});
  Remember(answer, "so", {"call_1"});
  text::ToolCall rewritten = kCall;
  rewritten.arguments = R"({"n":1.0,"at":"it"})";
  Conversation tools = Continue({.tool_calls = {rewritten}});
  tools.tools.push_back(*text::ReadJson(R"({"name": "look"})", ""));
  const Tokens restored = memory_->Restore(tools, Render(tools));
  EXPECT_NE(std::search(restored.begin(), restored.end(), answer.begin(), answer.end()),
            restored.end());
}

TEST_F(AnswerMemoryTest, LeavesWhatTheClientChanged) {
  Remember(Spell("hm", "so", {kCall}), "so", {"call_1"});
  text::ToolCall other_arguments = kCall;
  other_arguments.arguments = R"({"at": "that", "n": 1})";
  text::ToolCall other_name = kCall;
  other_name.name = "see";
  text::ToolCall other_id = kCall;
  other_id.id = "call_2";
  for (const text::ToolCall& call : {other_arguments, other_name, other_id}) {
    const Conversation changed = Continue({.tool_calls = {call}});
    EXPECT_EQ(memory_->Restore(changed, Render(changed)), Render(changed));
  }
  for (const text::Message& message :
       {text::Message{.content = "no", .tool_calls = {kCall}},
        text::Message{.reasoning_content = "why", .tool_calls = {kCall}},
        text::Message{.tool_calls = {kCall, other_id}}}) {
    const Conversation changed = Continue(message);
    EXPECT_EQ(memory_->Restore(changed, Render(changed)), Render(changed));
  }
}

// Without tools the format leaves out the reasoning of earlier answers, and so does the prompt.
TEST_F(AnswerMemoryTest, LeavesOutReasoningWhereTheFormatDoes) {
  const Tokens answer = Spell("hm", "so it is \n");
  Remember(answer, "so it is \n");
  const Conversation conversation = Continue({.content = "so it is"});
  const Tokens restored = memory_->Restore(conversation, Render(conversation));
  const Tokens content(std::find(answer.begin(), answer.end(), format_.think_end), answer.end());
  EXPECT_NE(std::search(restored.begin(), restored.end(), content.begin(), content.end()),
            restored.end());
  EXPECT_EQ(std::search(restored.begin(), restored.end(), answer.begin(), answer.end()),
            restored.end());
}

TEST_F(AnswerMemoryTest, KnowsWordsWhereTheyWereSaid) {
  Tokens answer = Spell("", "so it is \n");
  answer.erase(answer.begin());
  const Tokens prompt = Render(Ask(), text::ThinkingEffort::kNone);
  ASSERT_TRUE(memory_
                  ->Remember({.place = AnswerMemory::NamePlace(prompt),
                              .opening = prompt.back(),
                              .content = "so it is \n",
                              .tokens = answer})
                  .ok());
  const auto restores = [&](const Conversation& conversation) {
    const Tokens rendered = Render(conversation, text::ThinkingEffort::kNone);
    const Tokens restored = memory_->Restore(conversation, rendered);
    return std::search(restored.begin(), restored.end(), answer.begin(), answer.end()) !=
           restored.end();
  };
  Conversation conversation = Continue({.content = "so it is"});
  EXPECT_TRUE(restores(conversation));
  conversation.messages.front().content = "something else";
  EXPECT_FALSE(restores(conversation));
}

TEST_F(AnswerMemoryTest, RemembersBeyondTheProcess) {
  const base::TemporaryFolder folder;
  memory_ = AnswerMemory::Open(folder.path(), tokenizer_, format_).value();
  const Tokens answer = Spell("hm", "so", {kCall});
  Remember(answer, "so", {"call_1"});
  memory_.reset();
  memory_ = AnswerMemory::Open(folder.path(), tokenizer_, format_).value();
  Conversation tools = Continue({.tool_calls = {kCall}});
  const Tokens restored = memory_->Restore(tools, Render(tools));
  EXPECT_NE(restored, Render(tools));
  EXPECT_FALSE(AnswerMemory::Open("/no/such/directory", tokenizer_, format_).ok());
}

}  // namespace
}  // namespace fathom::server
