// Where the tokens of an answer come from.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/observer.h"
#include "engine/request.h"
#include "engine/sampler.h"

namespace fathom::engine {

/// What the constraints of all answers took.
struct ConstraintStatistics {
  int64_t requests = 0;
  int64_t forced_tokens = 0;
  int64_t masks = 0;
  double seconds = 0;
};

struct NextToken {
  int32_t id = 0;
  TokenOrigin origin = TokenOrigin::kDrawn;
};

/// The tokens of one answer: what Request::force says, else what the constraint leaves no choice
/// in, else one that the sampler draws from what the constraint allows. The constraint may refuse a
/// token that it did not force; then there is another one.
class TokenSource {
 public:
  /// `request` and `statistics` outlive it.
  TokenSource(const Request& request, int32_t end_token, ConstraintStatistics* statistics);

  /// Whether the constraint leaves no choice: then Next needs no logits.
  bool is_forced() const { return !forced_.empty(); }

  /// The token after `answer`, for the logits there. Nothing if the constraint allows none of the
  /// vocabulary. REQUIRES: logits, unless is_forced().
  std::optional<NextToken> Next(std::span<const int32_t> answer, std::span<const float> logits);

 private:
  std::optional<NextToken> Choose(std::span<const float> logits);
  bool Refuses(int32_t id);
  bool FillMask(int64_t vocab_size);
  void Follow(int32_t id);
  void FindForced();

  const Request& request_;
  int32_t end_token_;
  ConstraintStatistics* statistics_;
  Sampler sampler_;
  std::shared_ptr<TokenConstraint> constraint_;
  std::deque<int32_t> forced_;
  std::vector<uint64_t> mask_;  // empty: everything may come
};

}  // namespace fathom::engine
