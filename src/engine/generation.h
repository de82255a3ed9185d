// One request under way: its prompt, its answer, and when it ends.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "engine/kv_memory.h"
#include "engine/observer.h"
#include "engine/prompt_stops.h"
#include "engine/request.h"
#include "engine/sequence.h"
#include "engine/stop_matcher.h"
#include "engine/token_source.h"
#include "model/expert_source.h"
#include "text/detokenizer.h"

namespace fathom::engine {

/// What all generations of an engine share. Everything outlives them.
struct GenerationContext {
  const text::Tokenizer* tokenizer = nullptr;    ///< null: answers have no text
  const model::ExpertSource* experts = nullptr;  ///< if experts are read: asked what that took
  KvMemory* memory = nullptr;                    ///< where prefixes are kept
  ConstraintStatistics* constraints = nullptr;   ///< what all constraints took
  EngineObserver* observer = nullptr;            ///< hears of every request
  int64_t context = 0;                           ///< longest sequence
  int32_t end_token = 0;
};

/// A request waits until it is admitted, and then begins: from there on it has a sequence.
class Generation {
 public:
  /// A sequence that the request brings, which holds a prefix of the prompt, is busy until the
  /// generation ends.
  Generation(int64_t number, Request request, const GenerationContext& context);
  ~Generation();
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  int64_t number() const { return number_; }
  int32_t priority() const { return request_.priority; }
  std::span<const int32_t> prompt() const { return request_.prompt; }
  /// Most tokens that the sequence will have.
  int64_t max_length() const;
  bool brings_sequence() const { return request_.sequence != nullptr; }
  /// Whether what it computes is kept for other requests.
  bool keeps_prefixes() const { return !brings_sequence() && context_.memory->keeps_prefixes(); }

  /// Notes that it waits no more. `prefix`, which may be null, is held for it until it begins.
  void Admit(kv::PrefixCache::Item prefix);
  /// Takes the sequence that the request brings, or a new one with the longest prefix that `memory`
  /// now has. REQUIRES: admitted; not begun.
  void Begin();
  bool begun() const { return sequence_ != nullptr; }
  Sequence& sequence() { return *sequence_; }
  /// Tokens in the sequence, or that it will begin with.
  int64_t position() const;

  /// Whether the prompt is computed and a token of the answer waits, or several.
  bool decoding() const { return !completion_.tokens.empty(); }
  /// Has the prompt pause at that position, to be kept there.
  void AddStop(int64_t position) { stops_.Add(position); }
  /// The next tokens to compute, at most `budget`. REQUIRES: begun, not finished, budget >= 1.
  std::span<const int32_t> NextTokens(int64_t budget) const;
  /// Notes that `tokens`, what NextTokens gave, are in the cache. Returns whether the logits of the
  /// last one are wanted.
  bool Computed(std::span<const int32_t> tokens);
  /// Draws a token from the logits of the last position, adds those that have to follow it, and
  /// tells on_token of each.
  void Sample(std::span<const float> logits);

  /// Ends it because it cannot go on; the cache may hold part of NextTokens.
  void Fail(std::string error);
  void Cancel() { finish_ = FinishReason::kCancelled; }
  bool finished() const { return finish_.has_value(); }
  /// Lets go of the sequence and tells on_done; nothing may follow. REQUIRES: finished().
  void Report();

  /// Seconds since it was admitted, or 0.
  double running_seconds() const;
  RequestStatus status() const;

 private:
  using Clock = std::chrono::steady_clock;

  /// Whether positions are kept at all: by the sequence that the request brings, or for others.
  bool remembers() const { return brings_sequence() || keeps_prefixes(); }
  void Remember(int64_t back);
  void AddNext(std::span<const float> logits);
  std::optional<FinishReason> FinishAfter(int32_t token) const;
  std::string TextOf(int32_t token);
  std::string FlushText();
  RequestStats MeasureStats() const;

  int64_t number_;
  Request request_;
  const GenerationContext& context_;
  std::shared_ptr<Sequence> sequence_;
  kv::PrefixCache::Item prefix_;
  PromptStops stops_;
  model::ExpertStatistics experts_before_;
  TokenSource source_;
  std::optional<text::StreamDecoder> decoder_;
  StopMatcher stop_matcher_;
  Completion completion_;
  std::optional<FinishReason> finish_;
  Clock::time_point submitted_ = Clock::now();
  std::optional<Clock::time_point> admitted_;
  Clock::time_point first_token_;
};

}  // namespace fathom::engine
