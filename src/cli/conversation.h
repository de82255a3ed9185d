// A conversation with a model, which may outlive its process in a session file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "text/completion_parser.h"
#include "text/message.h"
#include "text/prompt_encoder.h"

namespace fathom::cli {

/// What was said, and the engine's sequence that has computed it. A session file keeps both: the
/// messages are its note, in the JSON of PrintConversation.
class Conversation {
 public:
  /// Fails if a session file could not be written at `path` later. For before the model is opened.
  static base::Status CheckPath(const std::string& path);

  /// An empty conversation.
  static Conversation Start(engine::Engine& engine);
  /// That of the session file at `path`; an empty one if there is no such file. Errors name the
  /// file.
  static base::Result<Conversation> Load(engine::Engine& engine, const std::string& path);
  /// Writes the session file, at once or not at all.
  base::Status Save(engine::Engine& engine, const std::string& path) const;

  const std::shared_ptr<engine::Sequence>& sequence() const { return sequence_; }
  /// Answers so far.
  uint64_t answers() const;
  /// Whether it differs from what was started or loaded.
  bool changed() const { return changed_; }

  /// Replaces the system message, or removes it if `text` is empty.
  void SetSystem(std::string text);
  /// Forgets all messages but the system message.
  void Clear();
  void AddTurn(std::string message, const text::Completion& answer);

  /// The prompt for an answer to `message`. Fails if that is not UTF-8, naming `source`.
  base::Result<std::vector<int32_t>> EncodeWith(const engine::Engine& engine,
                                                const std::string& message,
                                                const std::string& source,
                                                text::ThinkingEffort think) const;
  /// All messages as JSON (PrintConversation).
  std::string Print(int indent = -1) const;

 private:
  explicit Conversation(std::shared_ptr<engine::Sequence> sequence)
      : sequence_(std::move(sequence)) {}

  std::vector<text::Message> AllMessages() const;

  std::shared_ptr<engine::Sequence> sequence_;
  std::string system_;
  std::vector<text::Message> messages_;  // without the system message
  bool changed_ = false;
};

}  // namespace fathom::cli
