#include "server/choice.h"

#include <algorithm>
#include <utility>

namespace fathom::server {
namespace {

using Kind = text::CompletionEvent::Kind;

}  // namespace

Choice::Choice(const api::Request& request, const text::Tokenizer& tokenizer, int32_t end_token,
               bool is_constrained)
    : request_(request),
      tokenizer_(tokenizer),
      end_token_(end_token),
      parser_({.starts_in_reasoning = request.StartsInReasoning(),
               .only_special_markers = is_constrained}),
      decoder_(tokenizer),
      stop_matcher_(request.stop) {}

ChoicePiece Choice::Read(const engine::TokenEvent& token) {
  ChoicePiece piece;
  if (stopped()) return piece;
  ++tokens_;
  last_token_ = token.id;
  const bool is_reasoning = parser_.in_reasoning();
  if (is_reasoning) ++reasoning_tokens_;
  if (!HasText(token.id)) return piece;
  AddEvents(Parse(token.id), &piece);
  if (request_.logprobs) {
    piece.logprobs.push_back(MakeLogprob(token, is_reasoning));
    logprobs_.push_back(piece.logprobs.back());
  }
  return piece;
}

ChoicePiece Choice::Finish(engine::FinishReason reason, std::vector<api::TurnNote> notes) {
  using enum api::TurnNote;
  ending_.notes = std::move(notes);
  ending_.finish = FindFinish(reason);
  ChoicePiece piece;
  if (!stopped()) piece = FinishText();
  if (stopped()) {
    ending_.finish = api::Finish::kStopSequence;
    ending_.stop_sequence = stop_matcher_.found();
  }
  if (calls_in_reasoning_ && !ending_.Has(kCallInReasoning))
    ending_.notes.push_back(kCallInReasoning);
  const auto& calls = parser_.completion().tool_calls;
  if (ending_.finish != api::Finish::kStop && !calls.empty() && !calls.back().is_complete)
    ending_.notes.push_back(kCutCall);
  return piece;
}

ChoicePiece Choice::FinishText() {
  ChoicePiece piece;
  if (request_.dialect == api::Dialect::kCompletions) {
    AddContent(decoder_.Flush(), &piece);
  } else {
    const bool is_whole = ending_.finish == api::Finish::kStop;
    AddEvents(parser_.Finish(is_whole ? text::TextEnd::kWhole : text::TextEnd::kCut), &piece);
  }
  if (stopped()) return piece;
  std::string rest = stop_matcher_.Flush();
  content_ += rest;
  if (!rest.empty()) piece.events.push_back({.kind = Kind::kContent, .text = std::move(rest)});
  return piece;
}

std::vector<std::string> Choice::FindViolations(const constraint::AnswerCheck& check) const {
  std::vector<std::string> violations;
  const auto add = [&](std::optional<std::string> field) {
    if (field) violations.push_back(std::move(*field));
  };
  for (const text::CompletedCall& call : parser_.completion().tool_calls)
    if (call.is_complete) add(check.FindInCall(call.name, call.arguments));
  const bool has_ended = ending_.finish == api::Finish::kStop;
  if (has_ended && calls() == 0) add(check.FindInContent(content_));
  return violations;
}

api::Answer Choice::TakeAnswer() {
  api::Answer answer;
  answer.completion = parser_.completion();
  answer.completion.content = std::move(content_);
  answer.ending = ending_;
  answer.logprobs = std::move(logprobs_);
  return answer;
}

bool Choice::IsStopToken(int32_t id) const {
  const auto& stops = request_.stop_tokens;
  return std::find(stops.begin(), stops.end(), id) != stops.end();
}

// A token that ends the answer is not part of it, and the model may have more ids than the
// tokenizer.
bool Choice::HasText(int32_t id) const {
  if (id == end_token_ && !request_.ignore_end) return false;
  return !IsStopToken(id) && tokenizer_.Has(id);
}

std::vector<text::CompletionEvent> Choice::Parse(int32_t id) {
  if (request_.dialect != api::Dialect::kCompletions) {
    const auto origin =
        tokenizer_.IsAdded(id) ? text::Origin::kSpecialToken : text::Origin::kPlainTokens;
    return parser_.Feed(tokenizer_.BytesOf(id), origin);
  }
  base::Result<std::string> text = decoder_.Push(id);
  if (!text.ok() || text->empty()) return {};
  return {{.kind = Kind::kContent, .text = std::move(*text)}};
}

void Choice::AddEvents(const std::vector<text::CompletionEvent>& events, ChoicePiece* piece) {
  for (const text::CompletionEvent& event : events) {
    if (stopped()) return;
    if (event.kind == Kind::kContent) {
      AddContent(event.text, piece);
      continue;
    }
    if (event.kind == Kind::kCallBegin && parser_.in_reasoning()) calls_in_reasoning_ = true;
    // Content that was held back cannot go on behind a call.
    std::string held = stop_matcher_.Flush();
    content_ += held;
    if (!held.empty()) piece->events.push_back({.kind = Kind::kContent, .text = std::move(held)});
    piece->events.push_back(event);
  }
}

void Choice::AddContent(std::string text, ChoicePiece* piece) {
  text = stop_matcher_.Push(text);
  content_ += text;
  if (!text.empty()) piece->events.push_back({.kind = Kind::kContent, .text = std::move(text)});
}

api::TokenLogprob Choice::MakeLogprob(const engine::TokenEvent& token, bool is_reasoning) const {
  const auto bytes = [&](int32_t id) {
    return tokenizer_.Has(id) ? std::string(tokenizer_.BytesOf(id)) : std::string();
  };
  api::TokenLogprob result{bytes(token.id), token.logprob, {}, is_reasoning};
  for (const engine::TokenLogprob& other : token.alternatives)
    result.top.push_back({bytes(other.id), other.logprob});
  return result;
}

api::Finish Choice::FindFinish(engine::FinishReason reason) const {
  using enum api::Finish;
  switch (reason) {
    case engine::FinishReason::kLength:
      return kLength;
    case engine::FinishReason::kContext:
      return kContext;
    case engine::FinishReason::kStop:
      if (last_token_ != end_token_) return kStopSequence;
      break;
    case engine::FinishReason::kCancelled:
    case engine::FinishReason::kError:
      break;
  }
  return ending_.Has(api::TurnNote::kAnswerLoop) ? kRepetition : kStop;
}

}  // namespace fathom::server
