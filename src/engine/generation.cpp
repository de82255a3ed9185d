#include "engine/generation.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace fathom::engine {

Generation::Generation(int64_t number, Request request, const GenerationContext& context)
    : number_(number),
      request_(std::move(request)),
      context_(context),
      stops_(keeps_prefixes() ? std::span<const int64_t>(request_.boundaries)
                              : std::span<const int64_t>(),
             std::ssize(request_.prompt)),
      source_(request_, context.end_token, context.constraints),
      stop_matcher_(request_.stop) {
  if (context.experts != nullptr) experts_before_ = context.experts->statistics();
  if (context.tokenizer != nullptr) decoder_.emplace(*context.tokenizer);
  completion_.stats.prompt_tokens = std::ssize(request_.prompt);
  if (request_.sequence) request_.sequence->busy = true;
  if (request_.max_tokens == 0) finish_ = FinishReason::kLength;
}

Generation::~Generation() {
  if (request_.sequence) request_.sequence->busy = false;
}

int64_t Generation::max_length() const {
  const int64_t most = context_.context - completion_.stats.prompt_tokens;
  const int64_t wanted = request_.max_tokens < 0 ? most : std::min(most, request_.max_tokens);
  return completion_.stats.prompt_tokens + wanted;
}

void Generation::Admit(kv::PrefixCache::Item prefix) {
  prefix_ = std::move(prefix);
  admitted_ = Clock::now();
  if (context_.experts != nullptr) experts_before_ = context_.experts->statistics();
}

void Generation::Begin() {
  FATHOM_CHECK(admitted_ && !begun());
  sequence_ = brings_sequence() ? request_.sequence
                                : context_.memory->BeginSequence(number_, request_.prompt);
  prefix_ = nullptr;
  completion_.stats.cached_tokens = sequence_->length();
}

int64_t Generation::position() const {
  if (begun()) return sequence_->cache.length();
  if (request_.sequence) return request_.sequence->length();
  return prefix_ ? prefix_->length() : 0;
}

std::span<const int32_t> Generation::NextTokens(int64_t budget) const {
  const int64_t position = sequence_->length();
  const int64_t begin = decoding() ? completion_.stats.prompt_tokens : 0;
  const auto rest = std::span<const int32_t>(decoding() ? completion_.tokens : request_.prompt)
                        .subspan(static_cast<size_t>(position - begin));
  if (remembers()) budget = std::min(budget, stops_.FindNext(position) - position);
  return rest.first(std::min(rest.size(), static_cast<size_t>(budget)));
}

// At the end of a prompt the position before its last token is kept: whoever asks the same again
// needs that token's logits, and where reasoning is left out of the next prompt, the last token of
// this one is the first to change.
bool Generation::Computed(std::span<const int32_t> tokens) {
  sequence_->tokens.insert(sequence_->tokens.end(), tokens.begin(), tokens.end());
  const int64_t prompt_tokens = completion_.stats.prompt_tokens;
  if (sequence_->length() == prompt_tokens) {
    Remember(1);
  } else if (stops_.Contains(sequence_->length())) {
    Remember(0);
  }
  return sequence_->length() == prompt_tokens + std::ssize(completion_.tokens);
}

void Generation::Remember(int64_t back) {
  if (request_.sequence) {
    sequence_->Remember(back);
  } else {
    context_.memory->KeepPrefix(number_, *sequence_, back);
  }
}

void Generation::Sample(std::span<const float> logits) {
  if (completion_.tokens.empty()) first_token_ = Clock::now();
  AddNext(logits);
  const bool wants_logits = request_.logprobs || request_.top_logprobs > 0;
  while (!finished() && !wants_logits && source_.is_forced()) AddNext({});
}

void Generation::AddNext(std::span<const float> logits) {
  const std::optional<NextToken> next = source_.Next(completion_.tokens, logits);
  if (!next) return Fail("constraint: no token may come next");
  context_.observer->OnEvent(TokenTaken{number_, next->id, next->origin});
  TokenEvent event;
  event.id = next->id;
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
  if (token == context_.end_token && !request_.ignore_end) return FinishReason::kStop;
  if (std::find(stops.begin(), stops.end(), token) != stops.end()) return FinishReason::kStop;
  if (stop_matcher_.stopped()) return FinishReason::kStop;
  if (generated == request_.max_tokens) return FinishReason::kLength;
  if (completion_.stats.prompt_tokens + generated >= context_.context)
    return FinishReason::kContext;
  return std::nullopt;
}

// A token that ends the answer has no text of its own.
std::string Generation::TextOf(int32_t token) {
  const auto& stops = request_.stop_tokens;
  const bool ends = (token == context_.end_token && !request_.ignore_end) ||
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
  if (begun()) sequence_->Recover();
  completion_.error = std::move(error);
  finish_ = FinishReason::kError;
}

double Generation::running_seconds() const {
  return admitted_ ? std::chrono::duration<double>(Clock::now() - *admitted_).count() : 0;
}

RequestStatus Generation::status() const {
  using enum RequestStatus::Phase;
  return {.number = number_,
          .phase = !admitted_   ? kWaiting
                   : decoding() ? kAnswer
                                : kPrompt,
          .length = begun() ? sequence_->length() : 0,
          .stats = MeasureStats()};
}

RequestStats Generation::MeasureStats() const {
  const auto seconds = [](Clock::duration d) { return std::chrono::duration<double>(d).count(); };
  const Clock::time_point now = Clock::now();
  RequestStats stats = completion_.stats;
  stats.generated_tokens = std::ssize(completion_.tokens);
  stats.queue_seconds = seconds(admitted_.value_or(now) - submitted_);
  const bool answered = stats.generated_tokens > 0;
  if (admitted_) stats.prefill_seconds = seconds((answered ? first_token_ : now) - *admitted_);
  if (answered) stats.decode_seconds = seconds(now - first_token_);
  if (begun()) stats.kv_bytes = sequence_->cache.bytes().total();
  return stats;
}

void Generation::Report() {
  FATHOM_CHECK(finished());
  completion_.finish = *finish_;
  // The others have flushed it with their last token.
  if (completion_.finish == FinishReason::kCancelled || completion_.finish == FinishReason::kError)
    completion_.text += FlushText();
  completion_.stats = MeasureStats();
  if (context_.experts != nullptr) {
    const model::ExpertStatistics took = context_.experts->statistics() - experts_before_;
    completion_.stats.experts = ExpertStats{
        took.uses, took.reads, static_cast<int64_t>(took.bytes_read), took.wait_seconds};
  }
  if (begun()) Remember(0);
  context_.observer->OnEvent(RequestDone{number_, completion_.finish});
  sequence_ = nullptr;
  // The callback may already ask for more of the same sequence.
  if (request_.sequence) std::exchange(request_.sequence, nullptr)->busy = false;
  if (request_.on_done) request_.on_done(completion_);
}

}  // namespace fathom::engine
