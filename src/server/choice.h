// One choice of an answer: from the engine's tokens to what the APIs tell of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/answer.h"
#include "api/request.h"
#include "constraint/answer_check.h"
#include "engine/request.h"
#include "engine/stop_matcher.h"
#include "text/completion_parser.h"
#include "text/detokenizer.h"
#include "text/tokenizer.h"

namespace fathom::server {

/// What some tokens were made into.
struct ChoicePiece {
  std::vector<text::CompletionEvent> events{};
  std::vector<api::TokenLogprob> logprobs{};  ///< if they were asked for

  bool empty() const { return events.empty() && logprobs.empty(); }
};

/// Reads one choice token by token: separates reasoning, content and calls, and ends the content
/// before a stop string. Stop strings count in the content alone: in the reasoning and between the
/// tags of a call a client cannot mean them, and would lose the call.
class Choice {
 public:
  /// What `request` and `tokenizer` say must stay true for as long as this lives. Of an answer that
  /// is constrained only tags with the special token are tags.
  Choice(const api::Request& request, const text::Tokenizer& tokenizer, int32_t end_token,
         bool is_constrained);

  ChoicePiece Read(const engine::TokenEvent& token);
  /// The end, with what was noted of the turn so far. Nothing may be read after it.
  ChoicePiece Finish(engine::FinishReason reason, std::vector<api::TurnNote> notes = {});

  /// Whether a stop string has ended the content: further tokens count for nothing.
  bool stopped() const { return stop_matcher_.stopped(); }
  int64_t tokens() const { return tokens_; }
  const std::string& content() const { return content_; }  ///< so far
  size_t calls() const { return parser_.completion().tool_calls.size(); }
  int64_t reasoning_tokens() const { return reasoning_tokens_; }
  const api::Ending& ending() const { return ending_; }  ///< after Finish
  /// The paths of what the calls, or the content if it came to its end without one, do not satisfy
  /// of their schemas. REQUIRES: finished.
  std::vector<std::string> FindViolations(const constraint::AnswerCheck& check) const;
  /// The whole choice. REQUIRES: finished.
  api::Answer TakeAnswer();

 private:
  bool HasText(int32_t id) const;
  bool IsStopToken(int32_t id) const;
  std::vector<text::CompletionEvent> Parse(int32_t id);
  void AddEvents(const std::vector<text::CompletionEvent>& events, ChoicePiece* piece);
  void AddContent(std::string text, ChoicePiece* piece);
  api::TokenLogprob MakeLogprob(const engine::TokenEvent& token, bool is_reasoning) const;
  api::Finish FindFinish(engine::FinishReason reason) const;
  ChoicePiece FinishText();

  const api::Request& request_;
  const text::Tokenizer& tokenizer_;
  int32_t end_token_;
  text::CompletionParser parser_;
  text::StreamDecoder decoder_;  // completions, where all text is content
  engine::StopMatcher stop_matcher_;
  std::string content_;
  std::vector<api::TokenLogprob> logprobs_;
  std::optional<int32_t> last_token_;
  int64_t tokens_ = 0;
  int64_t reasoning_tokens_ = 0;
  bool calls_in_reasoning_ = false;
  api::Ending ending_;
};

}  // namespace fathom::server
