// Made-up conversations in which a model uses tools: what is asked, what it should call, what the
// tools answer, and what it should say.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/tool_catalog.h"
#include "text/json.h"
#include "text/message.h"

namespace fathom::data {

/// Calls made at once, and what came back.
struct ToolStep {
  std::string reasoning;
  std::vector<text::ToolCall> calls;
  std::vector<std::string> results;  ///< one a call
};

/// From a question to its answer.
struct ToolTurn {
  std::string question;
  std::vector<ToolStep> steps;  ///< none if earlier turns hold the answer
  std::string reasoning;        ///< before the answer
  std::string answer;
};

struct ToolSession {
  std::vector<text::Json> tools;
  std::vector<ToolTurn> turns;
};

struct ToolSessionOptions {
  uint64_t seed = 1;
  int64_t turns = 10;
  double remember = 0.25;  ///< share of turns that only need what a tool said turns ago
  double pairs = 0.3;      ///< share of questions about the weather that are about two cities
  /// That are asked about; 0: all that there are. The fewer, the sooner is out of date what a tool
  /// said.
  int64_t cities = 0;
  std::vector<Tool> only{};  ///< the only tools; empty: three to six of all
};

/// A session in which there are calls with text,
/// numbers, truth values and objects; calls side by side; tools that fail once and are asked again;
/// and turns that need what a tool said turns ago, in a call or without one. Depends on the options
/// alone, on every platform; the beginning of a longer session is that of a shorter one.
ToolSession MakeToolSession(const ToolSessionOptions& options);

/// The session as a conversation, up to `steps` steps into turn `turn`: what the model has seen
/// when it makes the next step of that turn, or gives its answer.
text::Conversation ConversationBefore(const ToolSession& session, size_t turn, size_t steps);

/// The whole session.
text::Conversation ToConversation(const ToolSession& session);

/// The session without ceremony, in a third of the tokens: no tools, no reasoning, the arguments of
/// calls as what the model says, and results as what it is told.
text::Conversation ToBriefConversation(const ToolSession& session);

}  // namespace fathom::data
