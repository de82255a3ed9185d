// From logits to the next token.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "engine/request.h"

namespace fathom::engine {

/// Draws the tokens of one answer. The n-th draw depends on the seed, n and the logits only.
class Sampler {
 public:
  Sampler(const SamplingOptions& options, std::span<const int32_t> prompt);

  /// The next token for `logits` [vocab], of those alone whose bits are set in `mask` (that of id i
  /// is bit i % 64 of word i / 64); an empty mask has all. REQUIRES: at least one of these logits
  /// is finite.
  int32_t Sample(std::span<const float> logits, std::span<const uint64_t> mask = {});

  /// What Sample would give. It is not taken yet.
  int32_t Propose(std::span<const float> logits, std::span<const uint64_t> mask = {});

  /// Takes the next token, drawn or not: draws are numbered by the tokens before them.
  void Take(int32_t id);

 private:
  struct Candidate {
    int32_t id;
    float logit;
  };

  void ApplyPenalties(std::span<float> logits) const;
  int32_t Draw(std::span<const float> logits);
  void KeepLikely(std::vector<Candidate>& candidates) const;
  double NextUniform() const;

  SamplingOptions options_;
  std::unordered_map<int32_t, int32_t> seen_;    // tokens of prompt and answer
  std::unordered_map<int32_t, int32_t> counts_;  // tokens of the answer
  std::vector<float> adjusted_;
  std::vector<Candidate> candidates_;
  uint64_t taken_ = 0;
};

/// log(softmax(logits))[id], in double precision and a fixed order.
float LogProbability(std::span<const float> logits, int32_t id);

/// The `count` most likely tokens, most likely first.
std::vector<TokenLogprob> TopLogprobs(std::span<const float> logits, int32_t count);

}  // namespace fathom::engine
