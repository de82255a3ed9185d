// A conversation with a model, line by line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/conversation.h"
#include "cli/generation_options.h"
#include "engine/engine.h"
#include "text/completion_parser.h"
#include "text/message.h"

namespace fathom::cli {

/// What lines that begin with "/" do, for people.
extern const std::string_view kChatHelp;

/// Keeps the conversation and has the model continue it. Answers go to standard output, everything
/// else to standard error. All turns share one sequence of the engine, so that a turn computes only
/// what is new in its prompt.
class ChatSession {
 public:
  /// The engine must outlive the session. `flags` hold for every answer; the n-th one of the
  /// conversation is drawn with their seed plus n. Their system message replaces the conversation's
  /// if there is one.
  ChatSession(engine::Engine& engine, GenerationFlags flags, Conversation conversation);

  /// Does what a line says: a command if it begins with "/", else a message to answer. An error
  /// leaves the conversation as it was.
  base::Status Handle(const std::string& line);

  /// Whether /quit was given.
  bool finished() const { return finished_; }
  const Conversation& conversation() const { return conversation_; }

 private:
  base::Status HandleCommand(std::string_view line);
  base::Status Answer(const std::string& message);
  base::Status SetThinking(std::string_view effort);
  base::Status SetSystem(std::string_view text);
  base::Status Save(const std::string& path) const;
  std::vector<text::Message> AllMessages() const;
  base::Result<std::vector<int32_t>> EncodeWith(const std::string& message) const;

  engine::Engine& engine_;
  GenerationFlags flags_;
  Conversation conversation_;
  uint64_t answers_;  // those that were forgotten count too
  bool finished_ = false;
};

}  // namespace fathom::cli
