#include "engine/generation.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace fathom::engine {

Generation::Generation(int64_t number, Request request, std::shared_ptr<Sequence> sequence,
                       const text::Tokenizer* tokenizer, const model::ExpertSource* experts,
                       GenerationLimits limits)
    : number_(number),
      request_(std::move(request)),
      sequence_(std::move(sequence)),
      experts_(experts),
      limits_(limits),
      sampler_(request_.sampling, request_.prompt),
      stop_matcher_(request_.stop) {
  if (tokenizer != nullptr) decoder_.emplace(*tokenizer);
  if (experts != nullptr) experts_before_ = experts->statistics();
  completion_.stats.prompt_tokens = static_cast<int64_t>(request_.prompt.size());
  completion_.stats.cached_tokens = static_cast<int64_t>(sequence_->tokens.size());
  sequence_->busy = true;
  if (request_.max_tokens == 0) finish_ = FinishReason::kLength;
}

Generation::~Generation() {
  if (sequence_) sequence_->busy = false;
}

std::span<const int32_t> Generation::NextTokens(int64_t budget) const {
  if (decoding()) return std::span(completion_.tokens).last(1);
  const auto rest = std::span(request_.prompt).subspan(sequence_->tokens.size());
  if (outlived()) {
    constexpr int64_t kDistance = Sequence::kSnapshotDistance;
    budget = std::min(budget, kDistance - sequence_->length() % kDistance);
  }
  return rest.first(std::min(rest.size(), static_cast<size_t>(budget)));
}

bool Generation::Computed(int64_t count) {
  const auto tokens = NextTokens(count);
  sequence_->tokens.insert(sequence_->tokens.end(), tokens.begin(), tokens.end());
  if (outlived()) RememberPosition();
  return sequence_->tokens.size() >= request_.prompt.size();
}

// At the end of a prompt the position before its last token is kept: whoever asks the same again
// needs that token's logits, and where reasoning is left out of the next prompt, the last token of
// this one is the first to change.
void Generation::RememberPosition() {
  if (sequence_->tokens.size() == request_.prompt.size())
    sequence_->Remember(1);
  else if (sequence_->length() % Sequence::kSnapshotDistance == 0)
    sequence_->Remember();
}

void Generation::Sample(std::span<const float> logits) {
  if (completion_.tokens.empty()) first_token_ = Clock::now();
  TokenEvent event;
  event.id = sampler_.Sample(logits);
  if (request_.logprobs) event.logprob = LogProbability(logits, event.id);
  if (request_.top_logprobs > 0) event.alternatives = TopLogprobs(logits, request_.top_logprobs);
  completion_.tokens.push_back(event.id);

  event.text = TextOf(event.id);
  finish_ = FinishAfter(event.id);
  if (finished()) event.text += FlushText();
  completion_.text += event.text;
  if (request_.on_token) request_.on_token(event);
}

std::optional<FinishReason> Generation::FinishAfter(int32_t token) const {
  const auto generated = static_cast<int64_t>(completion_.tokens.size());
  const auto& stops = request_.stop_tokens;
  if (token == limits_.end_token && !request_.ignore_end) return FinishReason::kStop;
  if (std::find(stops.begin(), stops.end(), token) != stops.end()) return FinishReason::kStop;
  if (stop_matcher_.stopped()) return FinishReason::kStop;
  if (generated == request_.max_tokens) return FinishReason::kLength;
  if (completion_.stats.prompt_tokens + generated >= limits_.context) return FinishReason::kContext;
  return std::nullopt;
}

// A token that ends the answer has no text of its own.
std::string Generation::TextOf(int32_t token) {
  const auto& stops = request_.stop_tokens;
  const bool ends = (token == limits_.end_token && !request_.ignore_end) ||
                    std::find(stops.begin(), stops.end(), token) != stops.end();
  if (!decoder_ || ends) return {};
  // The vocabulary of the model may be larger than the tokenizer's: such a token has no text.
  const auto bytes = decoder_->Push(token);
  return bytes.ok() ? stop_matcher_.Push(*bytes) : std::string();
}

std::string Generation::FlushText() {
  if (!decoder_ || stop_matcher_.stopped()) return {};
  std::string text = stop_matcher_.Push(decoder_->Flush());
  if (!stop_matcher_.stopped()) text += stop_matcher_.Flush();
  return text;
}

void Generation::Fail(std::string error) {
  sequence_->Recover();
  completion_.error = std::move(error);
  finish_ = FinishReason::kError;
}

void Generation::Report() {
  FATHOM_CHECK(finished());
  completion_.finish = *finish_;
  // The others have flushed it with their last token.
  if (completion_.finish == FinishReason::kCancelled || completion_.finish == FinishReason::kError)
    completion_.text += FlushText();
  const auto seconds = [](Clock::duration d) { return std::chrono::duration<double>(d).count(); };
  RequestStats& stats = completion_.stats;
  stats.generated_tokens = static_cast<int64_t>(completion_.tokens.size());
  if (stats.generated_tokens > 0) {
    stats.prefill_seconds = seconds(first_token_ - started_);
    stats.decode_seconds = seconds(Clock::now() - first_token_);
  } else {
    stats.prefill_seconds = seconds(Clock::now() - started_);
  }
  if (experts_ != nullptr) {
    const model::ExpertStatistics took = experts_->statistics() - experts_before_;
    stats.experts = ExpertStats{took.uses, took.reads, static_cast<int64_t>(took.bytes_read),
                                took.wait_seconds};
  }
  stats.kv_bytes = sequence_->cache.bytes().total();
  if (outlived()) sequence_->Remember();
  // The callback may already ask for more of the same sequence.
  std::exchange(sequence_, nullptr)->busy = false;
  if (request_.on_done) request_.on_done(completion_);
}

}  // namespace fathom::engine
