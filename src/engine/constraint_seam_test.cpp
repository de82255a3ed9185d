// Answers under a constraint: held to it, and the same whether what it forces is computed together
// or token by token.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/driver_testing.h"
#include "engine/engine.h"

namespace fathom::engine {
namespace {

using testing::HasSubstr;

// Of each eleven tokens two are free among a few, and the others follow from the place. None ends
// the sentence.
class Pattern final : public TokenConstraint {
 public:
  static bool IsFree(size_t at) { return at % 11 == 0 || at % 11 == 4; }
  static int32_t ForcedAt(size_t at) { return static_cast<int32_t>(10 + at * 31 % 180); }
  static bool Allows(size_t at, int32_t id) {
    return IsFree(at) ? id % 3 == static_cast<int32_t>(at % 3) && id >= 10 && id < 150
                      : id == ForcedAt(at);
  }

  void Fill(std::span<uint64_t> mask) override {
    std::ranges::fill(mask, uint64_t{0});
    for (int32_t id = 0; id < 200; ++id)
      if (Allows(at_, id)) mask[static_cast<size_t>(id) / 64] |= uint64_t{1} << (id % 64);
  }
  bool Accept(int32_t token) override { return Allows(at_++, token); }
  std::vector<int32_t> FindForced() override {
    std::vector<int32_t> forced;
    for (size_t at = at_; !IsFree(at); ++at) forced.push_back(ForcedAt(at));
    return forced;
  }

 private:
  size_t at_ = 0;
};

// Fresh for each time that it is submitted.
Request Constrain(Request request, bool one_by_one) {
  request.constraint = std::make_shared<Pattern>();
  request.logprobs = one_by_one;
  return request;
}

Tokens GenerateAlone(const Request& request, bool one_by_one) {
  return AnswerAlone(Constrain(request, one_by_one)).completion.tokens;
}

TEST(ConstraintSeam, TheAnswerIsWhatIsAllowed) {
  for (const float temperature : {0.0f, 1.0f}) {
    Request request = MakeRequest(RandomTokens(1, 60), 100);
    request.sampling.temperature = temperature;
    const Tokens tokens = GenerateAlone(request, false);
    ASSERT_EQ(tokens.size(), 100u);
    for (size_t i = 0; i < tokens.size(); ++i) EXPECT_TRUE(Pattern::Allows(i, tokens[i])) << i;
  }
}

TEST(ConstraintSeam, TogetherIsAsOneByOne) {
  for (const float temperature : {0.0f, 0.8f}) {
    Request request = MakeRequest(RandomTokens(2, 300), 200);
    request.sampling.temperature = temperature;
    request.sampling.frequency_penalty = 0.5f;
    EXPECT_EQ(GenerateAlone(request, false), GenerateAlone(request, true));
  }
}

TEST(ConstraintSeam, TogetherTakesFewerSteps) {
  Driver driver({});
  const Request request = MakeRequest(RandomTokens(2, 30), 110);
  driver.Submit("together", Constrain(request, false));
  driver.Finish();
  const EngineStatistics together = driver.engine().statistics();
  EXPECT_LE(together.steps, 1 + 2 * 10);
  EXPECT_EQ(together.forced_tokens, 90);
  EXPECT_EQ(together.masks, 20);
  EXPECT_EQ(together.constrained_requests, 1);
  driver.Submit("one by one", Constrain(request, true));
  driver.Finish();
  EXPECT_EQ(driver.engine().statistics().steps - together.steps, 110);
}

TEST(ConstraintSeam, NeitherOthersNorPiecesChangeTheAnswer) {
  const auto make = [](unsigned i) {
    Request request = MakeRequest(RandomTokens(i, 40 + 25 * i), 60 + static_cast<int>(i));
    request.sampling.seed = i;
    return request;
  };
  // Runs of nine tokens have to share steps of six with prompts.
  Driver company({.batch_tokens = 6, .chunk_tokens = 3, .max_batch = 4, .kv_memory = kMuch});
  for (unsigned i = 0; i < 6; ++i)
    company.Submit(std::to_string(i), i % 3 == 2 ? make(i) : Constrain(make(i), false));
  company.Finish();
  for (unsigned i = 0; i < 6; ++i) {
    const Tokens& tokens = company[std::to_string(i)].completion.tokens;
    EXPECT_EQ(tokens,
              i % 3 == 2 ? AnswerAlone(make(i)).completion.tokens : GenerateAlone(make(i), true));
  }
}

// The rows, the ring and the snapshots that a run leaves are those of single tokens, also where it
// crosses a multiple of the snapshots' distance and where the limit cuts it off.
TEST(ConstraintSeam, WhatComesLaterFindsTheSame) {
  const EngineOptions options = {.context = 3000, .kv_memory = kMuch};
  Request first = MakeRequest(RandomTokens(3, 2000), 103);
  Driver one_by_one(options);
  one_by_one.Submit("first", Constrain(first, true));
  one_by_one.Finish();
  const Tokens answer = one_by_one["first"].completion.tokens;
  const Tokens beginning(answer.begin(), answer.begin() + 60);
  const Request on = MakeRequest(Join(Join(first.prompt, answer), RandomTokens(4, 30)), 20);
  const Request aside = MakeRequest(Join(Join(first.prompt, beginning), RandomTokens(5, 30)), 20);
  for (const bool brings_sequence : {false, true}) {
    Driver together(options);
    const auto run = [&](const std::string& name, Request request) {
      request.sequence = first.sequence;
      together.Submit(name, request);
      together.Finish();
    };
    if (brings_sequence) first.sequence = together.engine().NewSequence();
    run("first", Constrain(first, false));
    EXPECT_EQ(together["first"].completion.tokens, answer);
    run("on", on);
    run("aside", aside);
    EXPECT_GT(together.cached("on"), 2080);
    EXPECT_EQ(together.cached("aside"), 2048);
    for (const auto& [name, request] : {std::pair("on", on), std::pair("aside", aside)}) {
      Driver alone({.context = 3000});
      alone.Submit(name, request);
      alone.Finish();
      ExpectSame(together[name], alone[name]);
    }
  }
}

TEST(ConstraintSeam, EndsWithinARun) {
  const Answer answer = AnswerAlone(Constrain(MakeRequest(RandomTokens(1, 20), 8), false));
  EXPECT_EQ(answer.completion.tokens.size(), 8u);
  EXPECT_EQ(answer.completion.finish, FinishReason::kLength);
  Request stops = Constrain(MakeRequest(RandomTokens(1, 20), 50), false);
  stops.stop_tokens = {Pattern::ForcedAt(7)};
  const Answer stopped = AnswerAlone(stops);
  EXPECT_EQ(stopped.completion.tokens.size(), 8u);
  EXPECT_EQ(stopped.completion.finish, FinishReason::kStop);
}

TEST(ConstraintSeam, AClientMayLeaveWithinARun) {
  Driver driver({});
  Request request = Constrain(MakeRequest(RandomTokens(1, 20), 50), false);
  int64_t number = 0;
  int64_t heard = 0;
  request.on_token = [&](const TokenEvent&) {
    if (++heard == 7) driver.engine().Cancel(number);
  };
  Completion completion;
  request.on_done = [&](const Completion& done) { completion = done; };
  number = Submit(driver.engine(), request);
  driver.Finish();
  EXPECT_EQ(heard, 7);
  EXPECT_EQ(completion.finish, FinishReason::kCancelled);
}

TEST(ConstraintSeam, WhatIsPrescribedCountsMore) {
  Request request = Constrain(MakeRequest(RandomTokens(1, 20), 60), false);
  request.force = [](std::span<const int32_t> answer) {
    return answer.size() == 20 ? std::optional<int32_t>(3) : std::nullopt;
  };
  const Tokens tokens = AnswerAlone(request).completion.tokens;
  for (size_t i = 0; i < 20; ++i) EXPECT_TRUE(Pattern::Allows(i, tokens[i])) << i;
  EXPECT_EQ(tokens[20], 3);
  bool is_free = false;
  for (size_t i = 21; i < tokens.size(); ++i) is_free = is_free || !Pattern::Allows(i, tokens[i]);
  EXPECT_TRUE(is_free);
}

// Turns down the first token at each third place, and wants another one there.
class Picky final : public TokenConstraint {
 public:
  bool IsFree() const override { return !refused_; }
  void Fill(std::span<uint64_t> mask) override {
    std::ranges::fill(mask, ~uint64_t{0});
    const auto refused = static_cast<size_t>(*refused_);
    mask[refused / 64] &= ~(uint64_t{1} << (refused % 64));
  }
  bool Refuses(int32_t token) override {
    if (at_ % 3 != 2) return false;
    refused_ = token;
    all_refused_.push_back(token);
    return true;
  }
  bool Accept(int32_t token) override {
    EXPECT_NE(refused_, token);
    refused_.reset();
    ++at_;
    return true;
  }
  // At each ninth place it knows what it wants.
  std::vector<int32_t> FindForced() override {
    return refused_ && at_ % 9 == 8 ? std::vector<int32_t>{7, 8} : std::vector<int32_t>{};
  }
  const Tokens& all_refused() const { return all_refused_; }

 private:
  std::optional<int32_t> refused_;
  Tokens all_refused_;
  size_t at_ = 0;
};

TEST(ConstraintSeam, ATokenMayBeTurnedDown) {
  for (const float temperature : {0.0f, 1.0f}) {
    Request request = MakeRequest(RandomTokens(1, 60), 30);
    request.sampling.temperature = temperature;
    const Tokens free = AnswerAlone(request).completion.tokens;
    const auto picky = std::make_shared<Picky>();
    request.constraint = picky;
    const Tokens tokens = AnswerAlone(request).completion.tokens;
    ASSERT_EQ(tokens.size(), 30u);
    EXPECT_TRUE(std::equal(free.begin(), free.begin() + 2, tokens.begin()));
    EXPECT_EQ(picky->all_refused().front(), free[2]);
    EXPECT_EQ(tokens[8], 7);
    EXPECT_EQ(tokens[9], 8);
    // What comes again and again is the same.
    request.constraint = std::make_shared<Picky>();
    EXPECT_EQ(AnswerAlone(request).completion.tokens, tokens);
  }
}

TEST(ConstraintSeam, WhatIsPrescribedMayBeTurnedDown) {
  Request request = MakeRequest(RandomTokens(1, 60), 12);
  request.force = [](std::span<const int32_t>) { return std::optional<int32_t>(5); };
  const auto picky = std::make_shared<Picky>();
  request.constraint = picky;
  const Tokens tokens = AnswerAlone(request).completion.tokens;
  for (size_t i = 0; i < tokens.size(); ++i) EXPECT_EQ(tokens[i] == 5, i % 3 != 2) << i;
  EXPECT_EQ(tokens[8], 7);
  EXPECT_EQ(picky->all_refused(), Tokens(4, 5));
}

class Nothing final : public TokenConstraint {
 public:
  void Fill(std::span<uint64_t> mask) override { std::ranges::fill(mask, uint64_t{0}); }
  bool Accept(int32_t) override { return true; }
  std::vector<int32_t> FindForced() override { return {}; }
};

TEST(ConstraintSeam, WhereNothingMayComeTheRequestFails) {
  Driver driver({});
  Request request = MakeRequest(RandomTokens(1, 20), 5);
  request.constraint = std::make_shared<Nothing>();
  driver.Submit("nothing", request);
  driver.Finish();
  EXPECT_EQ(driver["nothing"].completion.finish, FinishReason::kError);
  EXPECT_THAT(driver["nothing"].completion.error, HasSubstr("no token may come next"));
}

}  // namespace
}  // namespace fathom::engine
