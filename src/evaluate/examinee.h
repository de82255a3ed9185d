// A model under examination: conversations in, answers out.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "text/message.h"
#include "text/prompt_encoder.h"
#include "text/tokenizer.h"

namespace fathom::evaluate {

/// One engine, one sequence, greedy answers. What an examination's prompts have in common is
/// computed once.
class Examinee {
 public:
  /// Opens the model in `directory`.
  static base::Result<Examinee> Open(const std::string& directory,
                                     const engine::EngineOptions& options);

  /// The tokens of a conversation, ready for the answer.
  base::Result<std::vector<int32_t>> Encode(const text::Conversation& conversation,
                                            text::ThinkingEffort effort) const;

  /// Computes a prompt's beginning and keeps the place: prompts that begin with it go on from
  /// there.
  base::Status Study(const std::vector<int32_t>& prefix);

  /// The text of the answer, its end token apart; at most `max_tokens` tokens.
  base::Result<std::string> Answer(const std::vector<int32_t>& prompt, int64_t max_tokens);

  /// Forgets everything.
  void Reset() { sequence_ = engine_->NewSequence(); }

  const text::Tokenizer& tokenizer() const { return tokenizer_; }
  int64_t context() const { return engine_->info().context; }

 private:
  Examinee(std::unique_ptr<engine::Engine> engine, text::Tokenizer tokenizer)
      : engine_(std::move(engine)), tokenizer_(std::move(tokenizer)) {
    Reset();
  }

  std::unique_ptr<engine::Engine> engine_;
  text::Tokenizer tokenizer_;
  std::shared_ptr<engine::Sequence> sequence_;
};

/// How far the tokens of two prompts are the same.
size_t CommonPrefix(const std::vector<int32_t>& a, const std::vector<int32_t>& b);

}  // namespace fathom::evaluate
