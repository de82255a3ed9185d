#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace fathom::engine {
namespace {

constexpr float kImpossible = -std::numeric_limits<float>::infinity();

// SplitMix64: a counter in, well mixed bits out. Each draw depends on its number alone, so a
// restored or replayed answer draws the same.
uint64_t MixBits(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

int32_t MostLikely(std::span<const float> logits) {
  return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

double LogSumExp(std::span<const float> logits) {
  const double max = logits[static_cast<size_t>(MostLikely(logits))];
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - max);
  return max + std::log(sum);
}

void RemoveOthers(std::span<const uint64_t> mask, std::span<float> logits) {
  for (size_t word = 0; word < mask.size(); ++word) {
    if (mask[word] == ~uint64_t{0}) continue;
    const size_t begin = word * 64;
    const size_t end = std::min(begin + 64, logits.size());
    for (size_t i = begin; i < end; ++i)
      if ((mask[word] >> (i - begin) & 1) == 0) logits[i] = kImpossible;
  }
}

}  // namespace

Sampler::Sampler(const SamplingOptions& options, std::span<const int32_t> prompt)
    : options_(options) {
  if (options_.repetition_penalty == 1) return;
  for (const int32_t id : prompt) ++seen_[id];
}

int32_t Sampler::Sample(std::span<const float> logits, std::span<const uint64_t> mask) {
  const int32_t id = Propose(logits, mask);
  Take(id);
  return id;
}

int32_t Sampler::Propose(std::span<const float> logits, std::span<const uint64_t> mask) {
  adjusted_.assign(logits.begin(), logits.end());
  RemoveOthers(mask, adjusted_);
  ApplyPenalties(adjusted_);
  return options_.temperature == 0 ? MostLikely(adjusted_) : Draw(adjusted_);
}

void Sampler::Take(int32_t id) {
  ++taken_;
  ++counts_[id];
  if (options_.repetition_penalty != 1) ++seen_[id];
}

void Sampler::ApplyPenalties(std::span<float> logits) const {
  for (const auto& [id, count] : seen_) {
    float& logit = logits[static_cast<size_t>(id)];
    logit = logit > 0 ? logit / options_.repetition_penalty : logit * options_.repetition_penalty;
  }
  for (const auto& [id, count] : counts_)
    logits[static_cast<size_t>(id)] -=
        options_.presence_penalty + options_.frequency_penalty * static_cast<float>(count);
  for (const auto& [id, bias] : options_.logit_bias) logits[static_cast<size_t>(id)] += bias;
}

int32_t Sampler::Draw(std::span<const float> logits) {
  candidates_.clear();
  for (size_t i = 0; i < logits.size(); ++i)
    if (logits[i] != kImpossible)
      candidates_.push_back({static_cast<int32_t>(i), logits[i] / options_.temperature});
  if (options_.top_k > 0 || options_.min_p > 0 || options_.top_p < 1) KeepLikely(candidates_);

  float max = candidates_[0].logit;
  for (const Candidate& candidate : candidates_) max = std::max(max, candidate.logit);
  double sum = 0;
  for (const Candidate& candidate : candidates_) sum += std::exp(double{candidate.logit} - max);
  double rest = NextUniform() * sum;
  for (const Candidate& candidate : candidates_) {
    rest -= std::exp(double{candidate.logit} - max);
    if (rest < 0) return candidate.id;
  }
  // Rounding can leave a remainder: it belongs to the last token that has any probability.
  const auto last = std::find_if(candidates_.rbegin(), candidates_.rend(), [&](const auto& c) {
    return std::exp(double{c.logit} - max) > 0;
  });
  return last->id;
}

void Sampler::KeepLikely(std::vector<Candidate>& candidates) const {
  const auto more_likely = [](const Candidate& a, const Candidate& b) {
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
  };
  const auto top_k = static_cast<size_t>(options_.top_k);
  if (top_k > 0 && top_k < candidates.size()) {
    std::nth_element(candidates.begin(), candidates.begin() + static_cast<ptrdiff_t>(top_k),
                     candidates.end(), more_likely);
    candidates.resize(top_k);
  }
  const float max = std::min_element(candidates.begin(), candidates.end(), more_likely)->logit;
  if (options_.min_p > 0)
    std::erase_if(candidates, [&](const Candidate& c) {
      return std::exp(double{c.logit} - max) < double{options_.min_p};
    });
  std::sort(candidates.begin(), candidates.end(), more_likely);
  if (options_.top_p >= 1) return;
  double sum = 0;
  for (const Candidate& candidate : candidates) sum += std::exp(double{candidate.logit} - max);
  double kept = 0;
  size_t count = 0;
  while (count < candidates.size() && (count == 0 || kept < double{options_.top_p} * sum))
    kept += std::exp(double{candidates[count++].logit} - max);
  candidates.resize(count);
}

double Sampler::NextUniform() const {
  return static_cast<double>(MixBits(MixBits(options_.seed) ^ taken_) >> 11) * 0x1p-53;
}

float LogProbability(std::span<const float> logits, int32_t id) {
  return static_cast<float>(logits[static_cast<size_t>(id)] - LogSumExp(logits));
}

std::vector<TokenLogprob> TopLogprobs(std::span<const float> logits, int32_t count) {
  const double log_sum = LogSumExp(logits);
  std::vector<TokenLogprob> all;
  all.reserve(logits.size());
  for (size_t i = 0; i < logits.size(); ++i)
    all.push_back({static_cast<int32_t>(i), static_cast<float>(logits[i] - log_sum)});
  const auto kept = std::min(all.size(), static_cast<size_t>(count));
  std::partial_sort(all.begin(), all.begin() + static_cast<ptrdiff_t>(kept), all.end(),
                    [](const auto& a, const auto& b) {
                      return a.logprob > b.logprob || (a.logprob == b.logprob && a.id < b.id);
                    });
  all.resize(kept);
  return all;
}

}  // namespace fathom::engine
