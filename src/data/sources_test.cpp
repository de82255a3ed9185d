#include "data/sources.h"

#include <gtest/gtest.h>

#include <regex>

#include "data/bpe_trainer.h"
#include "text/protocol_strings.h"

namespace fathom::data {
namespace {

const text::Tokenizer& TestTokenizer() {
  static const text::Tokenizer tokenizer = [] {
    const auto json = TrainTokenizer(MakeTokenizerTexts(1, 3), {.vocab_size = 800});
    EXPECT_TRUE(json.ok());
    auto loaded = text::Tokenizer::FromJson(*json, "trained");
    EXPECT_TRUE(loaded.ok());
    return std::move(loaded).value();
  }();
  return tokenizer;
}

Mixture MakeMixture(const MixtureShares& shares) {
  auto mixture = Mixture::Create(TestTokenizer(), {.shares = shares, .prose = {"Some text."}});
  EXPECT_TRUE(mixture.ok()) << mixture.error().message;
  return std::move(mixture).value();
}

// What the model would be graded on.
std::string AnswersOf(const Sample& sample) {
  std::vector<int32_t> ids;
  for (size_t i = 0; i < sample.tokens.size(); ++i)
    if (sample.weights[i] >= 1) ids.push_back(sample.tokens[i]);
  return *TestTokenizer().Decode(ids);
}

TEST(MixtureTest, MakesSamplesOfExactlyTheLength) {
  const Mixture mixture = MakeMixture({.recall = 1, .tools = 1, .chat = 1, .prose = 1});
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const auto sample = mixture.Make(seed, 257);
    ASSERT_TRUE(sample.ok());
    EXPECT_EQ(sample->tokens.size(), 257U);
    EXPECT_EQ(sample->weights.size(), 257U);
    EXPECT_EQ(sample->tokens, mixture.Make(seed, 257)->tokens);
  }
  EXPECT_NE(mixture.Make(1, 257)->tokens, mixture.Make(2, 257)->tokens);
}

TEST(SampleTest, CountsWhatTheModelSays) {
  text::Conversation conversation;
  conversation.messages = {{.role = text::Role::kUser, .content = "Code of a b?"},
                           {.role = text::Role::kAssistant, .content = "1234"},
                           {.role = text::Role::kUser, .content = "Code of c d?"},
                           {.role = text::Role::kAssistant, .content = "5678"}};
  Sample sample;
  ASSERT_TRUE(AppendConversation(TestTokenizer(), conversation, {}, sample).ok());
  const std::string end(text::kEndOfSentence);
  EXPECT_EQ(AnswersOf(sample), "1234" + end + "5678" + end);
}

TEST(SampleTest, CountsReasoningAndCalls) {
  text::Conversation conversation;
  conversation.messages = {{.role = text::Role::kUser, .content = "Light!"},
                           {.role = text::Role::kAssistant,
                            .reasoning_content = "A lamp.",
                            .tool_calls = {{.name = "set_lamp", .arguments = R"({"on": true})"}}}};
  Sample sample;
  ASSERT_TRUE(AppendConversation(TestTokenizer(), conversation, {}, sample).ok());
  const std::string answers = AnswersOf(sample);
  EXPECT_TRUE(answers.starts_with("A lamp.</think>")) << answers;
  EXPECT_NE(answers.find("invoke name=\"set_lamp\""), std::string::npos) << answers;
}

TEST(MixtureTest, FillsLongSamplesWithOneDocument) {
  const Mixture mixture = MakeMixture({.recall = 1});
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const auto sample = mixture.Make(seed, 4000);
    const auto begins = std::count(sample->tokens.begin(), sample->tokens.end(), 0);
    EXPECT_LE(begins, 3) << "the estimate of its length is far off";
  }
}

// Short documents of few facts are where a model begins.
TEST(MixtureTest, HoldsAsManyFactsAsAllowed) {
  const auto mixture = Mixture::Create(
      TestTokenizer(), {.recall = {.facts = 4, .filler = 0.2, .restated = 0, .several = 0}});
  ASSERT_TRUE(mixture.ok());
  size_t most = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const auto sample = mixture->Make(seed, 1000);
    ASSERT_TRUE(sample.ok());
    const std::string text = *TestTokenizer().Decode(sample->tokens);
    const std::string first = text.substr(0, text.find("Code of"));
    size_t facts = 0;
    for (size_t at = 0; (at = first.find("The code of", at)) != first.npos; ++at) ++facts;
    most = std::max(most, facts);
    EXPECT_LE(facts, 4U) << first;
    EXPECT_LT(first.size(), 300U);
    EXPECT_EQ(text.find("is now"), text.npos);
    EXPECT_EQ(text.find("Codes of"), text.npos);
  }
  EXPECT_GE(most, 3U);
}

// How many of 40 samples of recall documents hold the real text.
int64_t SamplesWithText(const MixtureShares& shares) {
  const Mixture mixture = MakeMixture(shares);
  int64_t count = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const auto sample = mixture.Make(seed, 1000);
    EXPECT_TRUE(sample.ok());
    const std::string text = *TestTokenizer().Decode(sample->tokens);
    if (text.find("The code of") != text.npos && text.find("Some text.") != text.npos) ++count;
  }
  return count;
}

TEST(MixtureTest, FillsSomeDocumentsWithRealText) {
  const int64_t samples = SamplesWithText({.recall = 1, .prose = 0.001});
  EXPECT_GE(samples, 3);
  EXPECT_LE(samples, 20);
  EXPECT_EQ(SamplesWithText({.recall = 1}), 0);
}

// How many of 40 samples of tool sessions hold that text.
int SamplesWith(std::string_view part, const ToolMixture& sessions) {
  const auto mixture =
      Mixture::Create(TestTokenizer(), {.shares = {.recall = 0, .tools = 1}, .sessions = sessions});
  EXPECT_TRUE(mixture.ok());
  int count = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const auto sample = mixture->Make(seed, 1500);
    EXPECT_TRUE(sample.ok());
    const auto begins = std::count(sample->tokens.begin(), sample->tokens.end(), 0);
    EXPECT_LE(begins, 4) << "the estimate of its length is far off";
    const std::string text = *TestTokenizer().Decode(sample->tokens);
    count += text.find(part) != text.npos ? 1 : 0;
  }
  return count;
}

TEST(MixtureTest, HoldsBriefSessions) {
  constexpr std::string_view kCall = "invoke name=";  // as the format has it
  EXPECT_EQ(SamplesWith(kCall, {.brief = 0}), 40);
  EXPECT_EQ(SamplesWith(kCall, {.brief = 1}), 0);
  const int half = SamplesWith(kCall, {.brief = 0.5});
  EXPECT_GT(half, 10);
  EXPECT_LT(half, 38);
}

TEST(MixtureTest, AsksForWhatWasSaidAsOftenAsItIsTold) {
  constexpr std::string_view kRemembered = "I know that already.";
  EXPECT_EQ(SamplesWith(kRemembered, {.remember = 0}), 0);
  EXPECT_GT(SamplesWith(kRemembered, {.remember = 0.9}), 25);
}

TEST(MixtureTest, AsksForTwoCitiesAsOftenAsItIsTold) {
  constexpr std::string_view kTwo = "I look up ";
  const auto count = [&](double pairs) {
    const auto mixture = Mixture::Create(
        TestTokenizer(),
        {.shares = {.recall = 0, .tools = 1}, .sessions = {.remember = 0, .pairs = pairs}});
    int two = 0;
    for (uint64_t seed = 0; seed < 20; ++seed) {
      const std::string text = *TestTokenizer().Decode(mixture->Make(seed, 1500)->tokens);
      for (size_t at = text.find(kTwo); at != text.npos; at = text.find(kTwo, at + 1))
        two += text.substr(at, text.find('.', at) - at).find(" and ") != text.npos ? 1 : 0;
    }
    return two;
  };
  EXPECT_EQ(count(0), 0);
  EXPECT_GT(count(0.9), 5);
}

TEST(MixtureTest, HasSessionsAboutOrdersAloneAsOftenAsItIsTold) {
  const auto other_samples = [](double orders) {
    return SamplesWith("get_weather", {.orders = orders});
  };
  EXPECT_GT(other_samples(0), 15);
  EXPECT_EQ(other_samples(1), 0);
}

TEST(MixtureTest, HasSessionsAboutNotesAloneAsOftenAsItIsTold) {
  const auto other_samples = [](double notes) {
    return SamplesWith("get_weather", {.notes = notes});
  };
  EXPECT_GT(other_samples(0), 15);
  EXPECT_EQ(other_samples(1), 0);
}

// How many of 20 samples of recall documents have that in them.
int SamplesThatMatch(const std::string& pattern, const RecallMixture& recall) {
  const auto mixture = Mixture::Create(TestTokenizer(), {.recall = recall});
  const std::regex regex(pattern);
  int count = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const std::string text = *TestTokenizer().Decode(mixture->Make(seed, 1000)->tokens);
    count += std::regex_search(text, regex) ? 1 : 0;
  }
  return count;
}

TEST(MixtureTest, NamesFactsByNumbersAsOftenAsItIsTold) {
  constexpr const char* kNumbered = "The code of [0-9]{3} is";
  EXPECT_EQ(SamplesThatMatch(kNumbered, {.numbers = 0}), 0);
  EXPECT_GT(SamplesThatMatch(kNumbered, {.numbers = 0.5}), 3);
  EXPECT_EQ(SamplesThatMatch(kNumbered, {.numbers = 1}), 20);
}

TEST(MixtureTest, InventsNamesAsOftenAsItIsTold) {
  constexpr const char* kOneWord = "The code of [a-z]+ is [0-9]";
  EXPECT_EQ(SamplesThatMatch(kOneWord, {.invented = 0}), 0);
  EXPECT_GT(SamplesThatMatch(kOneWord, {.invented = 0.5}), 3);
  EXPECT_GT(SamplesThatMatch(kOneWord, {.invented = 1}), 15);
}

TEST(MixtureTest, PutsQuestionsInOtherWordsAsOftenAsItIsTold) {
  EXPECT_EQ(SamplesThatMatch("Tell me the code", {.reworded = 0}), 0);
  EXPECT_EQ(SamplesThatMatch("Code of", {.several = 0, .reworded = 1}), 0);
  EXPECT_GT(SamplesThatMatch("Tell me the code", {.several = 0, .reworded = 1}), 15);
}

TEST(MixtureTest, HasDocumentsOfAFewLinesAsOftenAsItIsTold) {
  constexpr const char* kFewLines = "sentence｜>The code of [^<]{10,150}\\.<｜User｜>";
  EXPECT_EQ(SamplesThatMatch(kFewLines, {.shorter = 0}), 0);
  EXPECT_GT(SamplesThatMatch(kFewLines, {.shorter = 1}), 10);
}

TEST(MixtureTest, NeedsSomethingToMix) {
  EXPECT_FALSE(Mixture::Create(TestTokenizer(), {.shares = {.recall = 0}}).ok());
  EXPECT_FALSE(Mixture::Create(TestTokenizer(), {.shares = {.recall = 0, .prose = 1}}).ok());
}

}  // namespace
}  // namespace fathom::data
