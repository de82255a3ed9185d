#include "server/turn_guard.h"

#include <algorithm>
#include <utility>

#include "server/described_turns.h"
#include "text/trim.h"

namespace fathom::server {
namespace {

using api::TurnNote;

// A model that ends its turn this often has nothing to say.
constexpr int kMaxEndsRefused = 3;

void SetBit(std::span<uint64_t> mask, int32_t id, bool value) {
  const auto bit = static_cast<size_t>(id);
  if (bit / 64 >= mask.size()) return;
  const uint64_t one = uint64_t{1} << (bit % 64);
  mask[bit / 64] = value ? mask[bit / 64] | one : mask[bit / 64] & ~one;
}

}  // namespace

TurnGuard::TurnGuard(const TurnRules& rules, const FormatTokens& format,
                     const text::Tokenizer& tokenizer,
                     std::shared_ptr<engine::TokenConstraint> inner)
    : rules_(rules),
      description_(DescribeTurn(rules, inner.get())),
      format_(format),
      tokenizer_(tokenizer),
      inner_(std::move(inner)),
      in_reasoning_(rules.starts_in_reasoning),
      is_blank_(rules.starts_in_reasoning),
      repetition_(rules.starts_in_reasoning ? (rules.repetition_tokens + 3) / 4
                                            : rules.repetition_tokens) {}

void TurnGuard::Fill(std::span<uint64_t> mask) {
  if (inner_) {
    inner_->Fill(mask);
  } else {
    std::ranges::fill(mask, ~uint64_t{0});
  }
  if (WatchesForCalls()) SetBit(mask, format_.dsml, true);
  if (bans_end_) SetBit(mask, format_.end, false);
}

bool TurnGuard::Refuses(int32_t token) {
  if (!forced_.empty()) return token != forced_.front();
  if (in_reasoning_) return RefusesInReasoning(token);
  if (token != format_.end || !rules_.ends || !is_blank_) return false;
  Note(TurnNote::kEmptyAnswer);
  bans_end_ = ends_refused_++ < kMaxEndsRefused;
  return bans_end_;
}

bool TurnGuard::RefusesInReasoning(int32_t token) {
  if (token == format_.end && rules_.ends) {
    Note(TurnNote::kEmptyAnswer);
    forced_ = {format_.think_end};
  } else if (token == format_.dsml && WatchesForCalls()) {
    Note(TurnNote::kCallInReasoning);
    forced_ = {format_.think_end};
    // Before a call the format has an empty line. The call itself is the model's to begin again: it
    // may have spoken of one.
    if (const auto line = tokenizer_.EncodePlain("\n\n"); line.ok())
      forced_.insert(forced_.end(), line->begin(), line->end());
  }
  return !forced_.empty();
}

bool TurnGuard::Accept(int32_t token) {
  bans_end_ = false;
  if (!forced_.empty() && forced_.front() == token) forced_.erase(forced_.begin());
  if (inner_ && !inner_->Accept(token)) inner_ = nullptr;
  if (in_reasoning_) {
    FollowReasoning(token);
  } else {
    FollowAnswer(token);
  }
  return true;
}

void TurnGuard::FollowReasoning(int32_t token) {
  if (token == format_.think_end) {
    in_reasoning_ = false;
    repetition_ = RepetitionDetector(rules_.repetition_tokens);
    return;
  }
  const bool repeats = repetition_.Add(token);
  const bool is_spent = ++reasoning_tokens_ == rules_.thinking_tokens;
  if (!forced_.empty() || (!repeats && !is_spent)) return;
  Note(is_spent ? TurnNote::kThinkingBudget : TurnNote::kReasoningLoop);
  forced_ = {format_.think_end};
}

void TurnGuard::FollowAnswer(int32_t token) {
  is_blank_ = is_blank_ && IsBlank(token);
  if (!rules_.ends || !repetition_.Add(token) || !forced_.empty()) return;
  Note(TurnNote::kAnswerLoop);
  forced_ = {format_.end};
}

bool TurnGuard::IsBlank(int32_t token) const {
  return tokenizer_.Has(token) && text::Trim(tokenizer_.BytesOf(token)).empty();
}

std::vector<int32_t> TurnGuard::FindForced() {
  if (!forced_.empty() || !inner_) return forced_;
  return inner_->FindForced();
}

void TurnGuard::Note(TurnNote note) {
  if (std::find(notes_.begin(), notes_.end(), note) == notes_.end()) notes_.push_back(note);
}

}  // namespace fathom::server
