#include "engine/token_source.h"

#include <algorithm>
#include <chrono>

namespace fathom::engine {
namespace {

// Adds the time that it lives to a sum.
class SecondsCounter {
 public:
  explicit SecondsCounter(double* sum) : sum_(sum) {}
  ~SecondsCounter() {
    *sum_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }
  SecondsCounter(const SecondsCounter&) = delete;
  SecondsCounter& operator=(const SecondsCounter&) = delete;

 private:
  double* sum_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

bool HasAny(std::span<const uint64_t> mask, int64_t vocab_size) {
  const auto whole = static_cast<size_t>(vocab_size / 64);
  const uint64_t rest = (uint64_t{1} << (vocab_size % 64)) - 1;
  return std::any_of(mask.begin(), mask.begin() + static_cast<ptrdiff_t>(whole),
                     [](uint64_t word) { return word != 0; }) ||
         (whole < mask.size() && (mask[whole] & rest) != 0);
}

}  // namespace

TokenSource::TokenSource(const Request& request, int32_t end_token,
                         ConstraintStatistics* statistics)
    : request_(request),
      end_token_(end_token),
      statistics_(statistics),
      sampler_(request.sampling, request.prompt),
      constraint_(request.constraint) {
  if (!constraint_) return;
  if (!constraint_->IsFree()) ++statistics_->requests;
  const SecondsCounter counter(&statistics_->seconds);
  FindForced();
}

std::optional<NextToken> TokenSource::Next(std::span<const int32_t> answer,
                                           std::span<const float> logits) {
  const auto said = request_.force ? request_.force(answer) : std::nullopt;
  const bool is_open = said || !is_forced();
  std::optional<NextToken> next = said ? NextToken{*said, TokenOrigin::kSaid} : Choose(logits);
  if (next && is_open && Refuses(next->id)) next = Choose(logits);
  if (!next) return std::nullopt;
  sampler_.Take(next->id);
  Follow(next->id);
  return next;
}

// What is forced, or else a draw.
std::optional<NextToken> TokenSource::Choose(std::span<const float> logits) {
  if (is_forced()) {
    ++statistics_->forced_tokens;
    return NextToken{forced_.front(), TokenOrigin::kForced};
  }
  if (!FillMask(std::ssize(logits))) return std::nullopt;
  return NextToken{sampler_.Propose(logits, mask_), TokenOrigin::kDrawn};
}

bool TokenSource::Refuses(int32_t id) {
  if (!constraint_) return false;
  const SecondsCounter counter(&statistics_->seconds);
  if (!constraint_->Refuses(id)) return false;
  if (!is_forced()) FindForced();
  return true;
}

bool TokenSource::FillMask(int64_t vocab_size) {
  if (!constraint_ || constraint_->IsFree()) {
    mask_.clear();
    return true;
  }
  const SecondsCounter counter(&statistics_->seconds);
  ++statistics_->masks;
  mask_.resize(static_cast<size_t>((vocab_size + 63) / 64));
  constraint_->Fill(mask_);
  return HasAny(mask_, vocab_size);
}

// Keeps the constraint where the answer is. Behind the end of sentence there is nothing to hold to.
void TokenSource::Follow(int32_t id) {
  if (!constraint_) return;
  const SecondsCounter counter(&statistics_->seconds);
  if (is_forced() && forced_.front() == id) {
    forced_.pop_front();
  } else {
    forced_.clear();
  }
  if (!constraint_->Accept(id) || id == end_token_) {
    constraint_ = nullptr;
    forced_.clear();
  } else if (forced_.empty()) {
    FindForced();
  }
}

void TokenSource::FindForced() {
  const std::vector<int32_t> next = constraint_->FindForced();
  forced_.assign(next.begin(), next.end());
}

}  // namespace fathom::engine
