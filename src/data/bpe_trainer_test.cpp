#include "data/bpe_trainer.h"

#include <gtest/gtest.h>

#include "text/protocol_strings.h"
#include "text/tokenizer.h"

namespace fathom::data {
namespace {

text::Tokenizer Train(const std::vector<std::string>& texts, const BpeOptions& options) {
  const auto json = TrainTokenizer(texts, options);
  EXPECT_TRUE(json.ok()) << json.error().message;
  auto tokenizer = text::Tokenizer::FromJson(*json, "trained");
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  return std::move(tokenizer).value();
}

TEST(TrainTokenizerTest, MergesTheMostFrequentPairFirst) {
  const text::Tokenizer tokenizer = Train({"aab aab aab abab abab"}, {.vocab_size = 16 + 256 + 3});
  // "ab" occurs 7 times; with it gone, " " before a word 4 times, most often " a" + "ab".
  EXPECT_EQ(tokenizer.BytesOf(272), "ab");
  EXPECT_EQ(tokenizer.vocab_size(), 275);
}

TEST(TrainTokenizerTest, ReadsBackWhatItWrites) {
  const auto texts = MakeTokenizerTexts(1, 3);
  const text::Tokenizer tokenizer = Train(texts, {.vocab_size = 700});
  EXPECT_EQ(tokenizer.vocab_size(), 700);
  for (const std::string& text : texts) {
    const auto ids = tokenizer.EncodeRaw(text);
    ASSERT_TRUE(ids.ok());
    EXPECT_LT(ids->size(), text.size() / 2);
    EXPECT_EQ(*tokenizer.Decode(*ids), text);
  }
  EXPECT_EQ(tokenizer.IdOf(text::kBeginOfSentence), 0);
  EXPECT_EQ(tokenizer.IdOf(text::kEndOfSentence), 1);
}

TEST(TrainTokenizerTest, LeavesDigitsSingle) {
  const text::Tokenizer tokenizer = Train({"12 12 12 ab ab ab x12 x12"}, {.vocab_size = 300});
  EXPECT_EQ(tokenizer.EncodeRaw("12")->size(), 2);
  EXPECT_EQ(tokenizer.EncodeRaw(" ab")->size(), 1);
}

TEST(TrainTokenizerTest, LearnsNothingFromSpecialTokens) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += text::kAssistantToken;
  EXPECT_EQ(Train({text}, {.vocab_size = 400}).vocab_size(), 272);
}

TEST(TrainTokenizerTest, RefusesATinyVocabulary) {
  const auto json = TrainTokenizer({}, {.vocab_size = 100});
  ASSERT_FALSE(json.ok());
  EXPECT_EQ(json.error().message,
            "a vocabulary of 100 is too small: special tokens and bytes are 272");
}

}  // namespace
}  // namespace fathom::data
