#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <random>

namespace fathom::engine {
namespace {

const std::vector<float> kLogits = {0.0f, 2.0f, 1.0f, -1.0f, 2.0f, 0.5f};

std::vector<double> Softmax(const std::vector<float>& logits, double temperature) {
  double sum = 0;
  std::vector<double> p;
  for (const float logit : logits) sum += p.emplace_back(std::exp(logit / temperature));
  for (double& value : p) value /= sum;
  return p;
}

std::map<int32_t, int> CountDraws(const SamplingOptions& options, int draws) {
  std::map<int32_t, int> counts;
  for (int seed = 0; seed < draws; ++seed) {
    SamplingOptions seeded = options;
    seeded.seed = static_cast<uint64_t>(seed);
    ++counts[Sampler(seeded, {}).Sample(kLogits)];
  }
  return counts;
}

TEST(Sampler, GreedyTakesTheLowestOfEqualTokens) {
  Sampler sampler({.temperature = 0}, {});
  EXPECT_EQ(sampler.Sample(kLogits), 1);
}

TEST(Sampler, DrawsWithTheProbabilitiesOfTheSoftmax) {
  constexpr int kDraws = 40000;
  for (const float temperature : {0.5f, 1.0f, 3.0f}) {
    const auto counts = CountDraws({.temperature = temperature}, kDraws);
    const auto p = Softmax(kLogits, temperature);
    for (size_t i = 0; i < p.size(); ++i) {
      const auto found = counts.find(static_cast<int32_t>(i));
      const int count = found == counts.end() ? 0 : found->second;
      // Five standard deviations of a binomial count.
      EXPECT_NEAR(count, kDraws * p[i], 5 * std::sqrt(kDraws * p[i] * (1 - p[i]) + 1));
    }
  }
}

TEST(Sampler, DrawsWhatTheMaskHas) {
  const std::vector<uint64_t> mask = {0b101001};
  EXPECT_EQ(Sampler({.temperature = 0}, {}).Sample(kLogits, mask), 5);
  // Neither a bias nor a penalty brings back what the mask has not.
  const SamplingOptions options = {
      .repetition_penalty = 0.5f, .presence_penalty = -50, .logit_bias = {{1, 1e6f}}};
  std::map<int32_t, int> counts;
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    SamplingOptions seeded = options;
    seeded.seed = seed;
    ++counts[Sampler(seeded, std::vector<int32_t>{1, 2}).Sample(kLogits, mask)];
  }
  EXPECT_EQ(counts.size(), 3u);
  for (const auto& [id, count] : counts) EXPECT_TRUE(id == 0 || id == 3 || id == 5) << id;
}

TEST(Sampler, TheSameSeedDrawsTheSameTokens) {
  std::mt19937 random(2);
  std::vector<std::vector<float>> steps(50, std::vector<float>(100));
  for (auto& logits : steps)
    for (float& logit : logits) logit = std::normal_distribution<float>(0, 1)(random);
  const auto draw = [&](uint64_t seed) {
    Sampler sampler({.seed = seed}, {});
    std::vector<int32_t> tokens;
    for (const auto& logits : steps) tokens.push_back(sampler.Sample(logits));
    return tokens;
  };
  EXPECT_EQ(draw(7), draw(7));
  EXPECT_NE(draw(7), draw(8));
}

TEST(Sampler, TopKKeepsTheMostLikely) {
  for (const auto& [id, count] : CountDraws({.top_k = 3}, 2000))
    EXPECT_TRUE(id == 1 || id == 4 || id == 2) << id;
  // Of equal tokens the lowest id stays.
  for (const auto& [id, count] : CountDraws({.top_k = 1}, 100)) EXPECT_EQ(id, 1);
}

TEST(Sampler, TopPKeepsTheSmallestSetThatReachesIt) {
  const auto p = Softmax(kLogits, 1);
  const auto both = static_cast<float>(p[1] + p[4]);
  EXPECT_EQ(CountDraws({.top_p = both - 0.01f}, 2000).size(), 2u);
  EXPECT_EQ(CountDraws({.top_p = both + 0.01f}, 2000).size(), 3u);
  EXPECT_EQ(CountDraws({.top_p = 0}, 100).size(), 1u);
}

TEST(Sampler, MinPIsAShareOfTheMostLikely) {
  // Token 2 is exp(-1) = 0.37 as likely as tokens 1 and 4.
  EXPECT_EQ(CountDraws({.min_p = 0.36f}, 2000).size(), 3u);
  EXPECT_EQ(CountDraws({.min_p = 0.38f}, 2000).size(), 2u);
}

TEST(Sampler, BiasAndPenaltiesMoveTheChoice) {
  const SamplingOptions bias{.logit_bias = {{3, 10.0f}}, .temperature = 0};
  EXPECT_EQ(Sampler(bias, {}).Sample(kLogits), 3);

  Sampler presence({.presence_penalty = 1.5f, .temperature = 0}, {});
  EXPECT_EQ(presence.Sample(kLogits), 1);
  EXPECT_EQ(presence.Sample(kLogits), 4);
  EXPECT_EQ(presence.Sample(kLogits), 2);

  Sampler frequency({.frequency_penalty = 0.6f, .temperature = 0}, {});
  std::vector<int32_t> tokens;
  for (int i = 0; i < 5; ++i) tokens.push_back(frequency.Sample(kLogits));
  EXPECT_EQ(tokens, (std::vector<int32_t>{1, 4, 1, 4, 2}));
}

TEST(Sampler, RepetitionCountsThePromptAndWorksOnBothSigns) {
  const std::vector<int32_t> prompt = {1, 4};
  Sampler sampler({.repetition_penalty = 4, .temperature = 0}, prompt);
  EXPECT_EQ(sampler.Sample(kLogits), 2);  // 2 / 4 is below 1
  const std::vector<float> negative = {-1.0f, -2.0f};
  const std::vector<int32_t> first = {0};
  EXPECT_EQ(Sampler({.repetition_penalty = 3, .temperature = 0}, first).Sample(negative), 1);
}

TEST(Sampler, ForbiddenTokensAreNeverDrawn) {
  const float minus_infinity = -std::numeric_limits<float>::infinity();
  const std::vector<float> logits = {minus_infinity, 0.0f, minus_infinity, minus_infinity};
  for (uint64_t seed = 0; seed < 200; ++seed)
    EXPECT_EQ(Sampler({.seed = seed}, {}).Sample(logits), 1);
}

TEST(Logprobs, AreTheLogSoftmax) {
  const auto p = Softmax(kLogits, 1);
  for (size_t i = 0; i < p.size(); ++i)
    EXPECT_NEAR(LogProbability(kLogits, static_cast<int32_t>(i)), std::log(p[i]), 1e-6);
  const auto top = TopLogprobs(kLogits, 3);
  ASSERT_EQ(top.size(), 3u);
  EXPECT_EQ(top[0].id, 1);
  EXPECT_EQ(top[1].id, 4);
  EXPECT_EQ(top[2].id, 2);
  EXPECT_NEAR(top[2].logprob, std::log(p[2]), 1e-6);
  EXPECT_EQ(TopLogprobs(kLogits, 100).size(), kLogits.size());
}

}  // namespace
}  // namespace fathom::engine
