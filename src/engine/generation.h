// One request under way: its prompt, its answer, and when it ends.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "engine/request.h"
#include "engine/sampler.h"
#include "engine/sequence.h"
#include "engine/stop_matcher.h"
#include "model/expert_source.h"
#include "text/detokenizer.h"

namespace fathom::engine {

/// The limits that a model sets to every request.
struct GenerationLimits {
  int64_t context = 0;
  int32_t end_token = 0;
};

class Generation {
 public:
  /// `sequence` holds a prefix of the prompt, and is busy until the generation ends. `tokenizer`
  /// may be null: then the answer has no text.
  /// `experts`, which may be null too, is asked what reading took.
  Generation(int64_t number, Request request, std::shared_ptr<Sequence> sequence,
             const text::Tokenizer* tokenizer, const model::ExpertSource* experts,
             GenerationLimits limits);
  ~Generation();

  int64_t number() const { return number_; }
  Sequence& sequence() { return *sequence_; }

  /// Whether the prompt is computed and one sampled token waits.
  bool decoding() const { return !completion_.tokens.empty(); }
  /// The next tokens to compute, at most `budget`. REQUIRES: not finished, budget >= 1.
  std::span<const int32_t> NextTokens(int64_t budget) const;
  /// Notes that the first `count` of NextTokens are in the cache. Returns whether the logits of the
  /// last one are wanted.
  bool Computed(int64_t count);
  /// Draws a token from the logits of the last position and tells on_token.
  void Sample(std::span<const float> logits);

  /// Ends it because NextTokens could not be computed; the cache may hold part of them.
  void Fail(std::string error);
  void Cancel() { finish_ = FinishReason::kCancelled; }
  bool finished() const { return finish_.has_value(); }
  /// Lets go of the sequence and tells on_done; nothing may follow. REQUIRES: finished().
  void Report();

 private:
  using Clock = std::chrono::steady_clock;

  /// Whether the sequence stays when the request ends, so that it is worth returning to.
  bool outlived() const { return request_.sequence != nullptr; }
  void RememberPosition();
  std::optional<FinishReason> FinishAfter(int32_t token) const;
  std::string TextOf(int32_t token);
  std::string FlushText();

  int64_t number_;
  Request request_;
  std::shared_ptr<Sequence> sequence_;
  const model::ExpertSource* experts_;
  model::ExpertStatistics experts_before_;
  GenerationLimits limits_;
  Sampler sampler_;
  std::optional<text::StreamDecoder> decoder_;
  StopMatcher stop_matcher_;
  Completion completion_;
  std::optional<FinishReason> finish_;
  Clock::time_point started_ = Clock::now();
  Clock::time_point first_token_ = started_;
};

}  // namespace fathom::engine
