// The rules token by token. tests of the server hold the same through all APIs.
#include "server/turn_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace fathom::server {
namespace {

using api::TurnNote;
using testing::ElementsAre;
using testing::IsEmpty;

// Allows only lower-case letters and a few tokens, and notes what it took.
class Letters final : public engine::TokenConstraint {
 public:
  explicit Letters(std::vector<int32_t>* taken) : taken_(taken) {}
  void Fill(std::span<uint64_t> mask) override {
    std::ranges::fill(mask, uint64_t{0});
    for (char c = 'a'; c <= 'z'; ++c) mask[static_cast<size_t>(c) / 64] |= uint64_t{1} << (c % 64);
  }
  bool Accept(int32_t token) override {
    taken_->push_back(token);
    return token != '!';
  }
  std::vector<int32_t> FindForced() override { return {'z'}; }

 private:
  std::vector<int32_t>* taken_;
};

class TurnGuardTest : public testing::Test {
 protected:
  TurnGuardTest()
      : tokenizer_(text::Tokenizer::Load(std::string(FATHOM_SOURCE_DIR) +
                                         "/tests/models/recall/tokenizer.json")
                       .value()),
        format_(FindFormatTokens(tokenizer_).value()) {}

  TurnGuard Make(const TurnRules& rules, bool constrains = true) {
    return TurnGuard(rules, format_, tokenizer_,
                     constrains ? std::make_shared<Letters>(&taken_) : nullptr);
  }

  int32_t IdOf(char c) const { return *tokenizer_.IdOf(std::string(1, c)); }

  void Say(TurnGuard& guard, const std::string& text) const {
    for (const char c : text) ASSERT_TRUE(guard.Accept(IdOf(c)));
  }

  static bool Allows(TurnGuard& guard, int32_t token) {
    std::vector<uint64_t> mask(8);
    guard.Fill(mask);
    return (mask[static_cast<size_t>(token) / 64] >> (token % 64) & 1) != 0;
  }

  text::Tokenizer tokenizer_;
  FormatTokens format_;
  std::vector<int32_t> taken_;
};

TEST_F(TurnGuardTest, ACallInTheReasoningEndsIt) {
  TurnGuard guard = Make({.starts_in_reasoning = true, .may_call = true});
  Say(guard, "so\n\n<");
  EXPECT_TRUE(Allows(guard, format_.dsml));
  EXPECT_TRUE(guard.Refuses(format_.dsml));
  const std::vector<int32_t> forced = guard.FindForced();
  EXPECT_THAT(forced, ElementsAre(format_.think_end, IdOf('\n'), IdOf('\n')));
  // Nothing else may come meanwhile.
  for (const int32_t token : forced) {
    EXPECT_TRUE(guard.Refuses(IdOf('a')));
    EXPECT_FALSE(guard.Refuses(token));
    EXPECT_TRUE(guard.Accept(token));
  }
  EXPECT_FALSE(Allows(guard, format_.dsml));
  EXPECT_FALSE(guard.Refuses(format_.dsml));
  EXPECT_THAT(guard.FindForced(), ElementsAre('z'));
  EXPECT_THAT(guard.notes(), ElementsAre(TurnNote::kCallInReasoning));
  EXPECT_EQ(taken_.size(), 5 + forced.size());
}

TEST_F(TurnGuardTest, WithoutToolsNoCallIsWaitedFor) {
  TurnGuard guard = Make({.starts_in_reasoning = true});
  EXPECT_FALSE(Allows(guard, format_.dsml));
  EXPECT_FALSE(guard.Refuses(format_.dsml));
}

TEST_F(TurnGuardTest, AnAnswerSaysSomethingBeforeItEnds) {
  TurnGuard guard = Make({.starts_in_reasoning = true}, false);
  Say(guard, "hm");
  guard.Accept(format_.think_end);
  Say(guard, " \n");
  EXPECT_TRUE(guard.IsFree());
  EXPECT_TRUE(guard.Refuses(format_.end));
  EXPECT_FALSE(guard.IsFree());
  EXPECT_FALSE(Allows(guard, format_.end));
  EXPECT_TRUE(Allows(guard, IdOf('a')));
  Say(guard, "a");
  EXPECT_TRUE(guard.IsFree());
  EXPECT_FALSE(guard.Refuses(format_.end));
  EXPECT_THAT(guard.notes(), ElementsAre(TurnNote::kEmptyAnswer));
}

TEST_F(TurnGuardTest, WhoHasNothingToSayIsLetGo) {
  TurnGuard guard = Make({.starts_in_reasoning = true}, false);
  guard.Accept(format_.think_end);
  int refused = 0;
  while (guard.Refuses(format_.end)) {
    ASSERT_LT(++refused, 10);
    Say(guard, " ");
  }
  EXPECT_EQ(refused, 3);
  EXPECT_THAT(guard.notes(), ElementsAre(TurnNote::kEmptyAnswer));
}

TEST_F(TurnGuardTest, WithoutReasoningNothingNeedBeSaid) {
  TurnGuard guard = Make({}, false);
  EXPECT_FALSE(guard.Refuses(format_.end));
  TurnGuard endless = Make({.starts_in_reasoning = true, .ends = false}, false);
  EXPECT_FALSE(endless.Refuses(format_.end));
}

TEST_F(TurnGuardTest, TheSentenceDoesNotEndInTheReasoning) {
  TurnGuard guard = Make({.starts_in_reasoning = true}, false);
  Say(guard, "hm");
  EXPECT_TRUE(guard.Refuses(format_.end));
  EXPECT_THAT(guard.FindForced(), ElementsAre(format_.think_end));
  EXPECT_THAT(guard.notes(), ElementsAre(TurnNote::kEmptyAnswer));
}

TEST_F(TurnGuardTest, TheReasoningEndsAtItsBudget) {
  TurnGuard guard = Make({.starts_in_reasoning = true, .thinking_tokens = 5}, false);
  Say(guard, "abcd");
  EXPECT_THAT(guard.FindForced(), IsEmpty());
  Say(guard, "e");
  EXPECT_THAT(guard.FindForced(), ElementsAre(format_.think_end));
  guard.Accept(format_.think_end);
  EXPECT_THAT(guard.FindForced(), IsEmpty());
  EXPECT_THAT(guard.notes(), ElementsAre(TurnNote::kThinkingBudget));
}

TEST_F(TurnGuardTest, ReasoningGoesInCirclesForAQuarterOfWhatAnAnswerMay) {
  TurnGuard guard = Make({.starts_in_reasoning = true, .repetition_tokens = 1024}, false);
  Say(guard, std::string(255, 'w'));
  EXPECT_THAT(guard.FindForced(), IsEmpty());
  Say(guard, "w");
  EXPECT_THAT(guard.FindForced(), ElementsAre(format_.think_end));
  guard.Accept(format_.think_end);
  Say(guard, std::string(1023, 'w'));
  EXPECT_THAT(guard.FindForced(), IsEmpty());
  Say(guard, "w");
  EXPECT_THAT(guard.FindForced(), ElementsAre(format_.end));
  EXPECT_THAT(guard.notes(), ElementsAre(TurnNote::kReasoningLoop, TurnNote::kAnswerLoop));
}

TEST_F(TurnGuardTest, CirclesAreAllowedToThoseWhoAskForThem) {
  TurnGuard endless = Make({.ends = false, .repetition_tokens = 64}, false);
  TurnGuard unlimited = Make({}, false);
  Say(endless, std::string(10000, 'w'));
  Say(unlimited, std::string(10000, 'w'));
  EXPECT_THAT(endless.notes(), IsEmpty());
  EXPECT_THAT(unlimited.notes(), IsEmpty());
}

// What is prescribed although it may not come ends what holds it, and not these rules.
TEST_F(TurnGuardTest, OutlivesWhatElseHoldsTheTurn) {
  TurnGuard guard = Make({.starts_in_reasoning = true, .thinking_tokens = 3});
  EXPECT_FALSE(guard.IsFree());
  Say(guard, "a!");
  EXPECT_TRUE(guard.IsFree());
  Say(guard, "b");
  EXPECT_THAT(guard.FindForced(), ElementsAre(format_.think_end));
  EXPECT_THAT(taken_, ElementsAre('a', '!'));
}

}  // namespace
}  // namespace fathom::server
