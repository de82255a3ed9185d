#include "data/tool_session.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "data/chat.h"
#include "text/completion_parser.h"
#include "text/prompt_encoder.h"
#include "text/protocol_strings.h"

namespace fathom::data {
namespace {

// Calls name tools that are offered, with all that their schemas require.
TEST(ToolSessionTest, CallsWhatItOffers) {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    const ToolSession session = MakeToolSession({.seed = seed, .turns = 40});
    std::set<std::string> required;  // "tool.parameter"
    std::set<std::string> offered;
    for (const text::Json& tool : session.tools) {
      const std::string name = *tool.Find("name")->AsString();
      offered.insert(name);
      for (const text::Json& key : *tool.Find("parameters")->Find("required")->AsArray())
        required.insert(name + "." + *key.AsString());
    }
    for (const ToolTurn& turn : session.turns) {
      for (const ToolStep& step : turn.steps) {
        ASSERT_EQ(step.calls.size(), step.results.size());
        for (const text::ToolCall& call : step.calls) {
          EXPECT_TRUE(offered.contains(call.name)) << call.name;
          const auto arguments = text::ReadJson(call.arguments, "arguments");
          ASSERT_TRUE(arguments.ok()) << call.arguments;
          for (const std::string& key : required) {
            if (!key.starts_with(call.name + ".")) continue;
            EXPECT_NE(arguments->Find(key.substr(call.name.size() + 1)), nullptr) << key;
          }
        }
      }
    }
  }
}

// What a generator promises a learner: everything that it may meet does occur.
TEST(ToolSessionTest, HasEveryKindOfTurn) {
  int parallel = 0, retried = 0, remembered = 0, objects = 0;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    for (const ToolTurn& turn : MakeToolSession({.seed = seed, .turns = 40}).turns) {
      remembered += turn.steps.empty() ? 1 : 0;
      retried += turn.steps.size() > 1 ? 1 : 0;
      for (const ToolStep& step : turn.steps) {
        parallel += step.calls.size() > 1 ? 1 : 0;
        objects += step.calls[0].arguments.find("{\"day\"") != std::string::npos ? 1 : 0;
      }
    }
  }
  EXPECT_GT(parallel, 20);
  EXPECT_GT(retried, 50);
  EXPECT_GT(remembered, 50);
  EXPECT_GT(objects, 20);
}

TEST(ToolSessionTest, RemembersAsOftenAsAsked) {
  for (const double share : {0.0, 0.6}) {
    int remembered = 0, turns = 0;
    for (uint64_t seed = 0; seed < 10; ++seed) {
      for (const ToolTurn& turn :
           MakeToolSession({.seed = seed, .turns = 60, .remember = share}).turns) {
        remembered += turn.steps.empty() ? 1 : 0;
        ++turns;
      }
    }
    // Fewer than asked: a session begins with nothing to remember.
    EXPECT_LE(remembered, (share + 0.05) * turns);
    EXPECT_GE(remembered, 0.6 * share * turns);
  }
}

TEST(ToolSessionTest, AsksAboutSoManyCities) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const ToolSession session = MakeToolSession({.seed = seed, .turns = 60, .cities = 3});
    std::set<std::string> calls;
    for (const ToolTurn& turn : session.turns)
      for (const ToolStep& step : turn.steps)
        for (const text::ToolCall& call : step.calls)
          if (call.name == "get_weather") calls.insert(call.arguments);
    EXPECT_LE(calls.size(), 3u);
  }
}

TEST(ToolSessionTest, CanBeAboutSomeToolsAlone) {
  const ToolSession session =
      MakeToolSession({.seed = 3, .turns = 60, .only = {Tool::kSaveNote, Tool::kReadNote}});
  EXPECT_EQ(session.tools.size(), 2u);
  std::map<std::string, int> calls;
  for (const ToolTurn& turn : session.turns)
    for (const ToolStep& step : turn.steps)
      for (const text::ToolCall& call : step.calls) ++calls[call.name];
  EXPECT_EQ(calls.size(), 2u);
  for (const Tool tool : {Tool::kSaveNote, Tool::kReadNote})
    EXPECT_GT(calls[std::string(NameOf(tool))], 15);
}

TEST(ToolSessionTest, CanBeAboutOneToolAlone) {
  for (const Tool tool : {Tool::kWeather, Tool::kOrder}) {
    const ToolSession session = MakeToolSession({.seed = 3, .turns = 60, .only = {tool}});
    EXPECT_EQ(session.tools.size(), 1u);
    int remembered = 0;
    for (const ToolTurn& turn : session.turns) {
      remembered += turn.steps.empty() ? 1 : 0;
      for (const ToolStep& step : turn.steps)
        for (const text::ToolCall& call : step.calls) EXPECT_EQ(call.name, NameOf(tool));
    }
    EXPECT_GT(remembered, 5);
  }
}

TEST(ToolSessionTest, LongerSessionsBeginAlike) {
  const ToolSession shorter = MakeToolSession({.seed = 5, .turns = 10});
  const ToolSession longer = MakeToolSession({.seed = 5, .turns = 200});
  ASSERT_EQ(longer.turns.size(), 200U);
  for (size_t i = 0; i < shorter.turns.size(); ++i) {
    EXPECT_EQ(shorter.turns[i].question, longer.turns[i].question);
    EXPECT_EQ(shorter.turns[i].answer, longer.turns[i].answer);
  }
}

// The conversation before a step is the beginning of the whole one, and what follows it parses as
// the step's calls.
TEST(ToolSessionTest, StepsContinueThePrompt) {
  const ToolSession session = MakeToolSession({.seed = 7, .turns = 12});
  const auto whole = text::EncodePrompt(ToConversation(session), {.add_generation_prompt = false});
  ASSERT_TRUE(whole.ok());
  for (size_t turn = 0; turn < session.turns.size(); ++turn) {
    for (size_t step = 0; step < session.turns[turn].steps.size(); ++step) {
      const auto before = text::EncodePrompt(ConversationBefore(session, turn, step));
      ASSERT_TRUE(before.ok());
      ASSERT_TRUE(whole->text().starts_with(before->text()));
      const std::string rest = whole->text().substr(before->text().size());
      const auto completion = text::ParseCompletion(rest.substr(0, rest.find(text::kEndOfSentence)),
                                                    {.starts_in_reasoning = true});
      EXPECT_TRUE(completion.problems.empty());
      const ToolStep& expected = session.turns[turn].steps[step];
      ASSERT_EQ(completion.tool_calls.size(), expected.calls.size());
      EXPECT_EQ(completion.tool_calls[0].name, expected.calls[0].name);
      EXPECT_EQ(completion.tool_calls[0].arguments, expected.calls[0].arguments);
    }
  }
}

// Without ceremony a session has the same questions, arguments, results and answers.
TEST(ToolSessionTest, CanBeBrief) {
  const ToolSession session = MakeToolSession({.seed = 7, .turns = 12});
  const text::Conversation brief = ToBriefConversation(session);
  EXPECT_TRUE(brief.tools.empty());
  auto message = brief.messages.begin();
  const auto expect_next = [&](text::Role role, const std::string& content) {
    ASSERT_NE(message, brief.messages.end());
    EXPECT_EQ(message->role, role);
    EXPECT_EQ(message->content, content);
    EXPECT_TRUE(message->tool_calls.empty());
    ++message;
  };
  for (const ToolTurn& turn : session.turns) {
    expect_next(text::Role::kUser, turn.question);
    for (const ToolStep& step : turn.steps) {
      std::string arguments = step.calls[0].arguments, results = step.results[0];
      for (size_t i = 1; i < step.calls.size(); ++i) {
        arguments += "\n" + step.calls[i].arguments;
        results += "\n" + step.results[i];
      }
      expect_next(text::Role::kAssistant, arguments);
      expect_next(text::Role::kUser, results);
    }
    expect_next(text::Role::kAssistant, turn.answer);
  }
  EXPECT_EQ(message, brief.messages.end());
}

TEST(ChatTest, Alternates) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const text::Conversation chat = MakeChat(seed);
    ASSERT_GE(chat.messages.size(), 2U);
    for (size_t i = 0; i < chat.messages.size(); ++i)
      EXPECT_EQ(chat.messages[i].role, i % 2 == 0 ? text::Role::kUser : text::Role::kAssistant);
  }
}

}  // namespace
}  // namespace fathom::data
