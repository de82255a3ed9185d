#include "text/pre_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/tokenizer_fixture.h"

namespace fathom::text {
namespace {

using nlohmann::json;
using testing::ElementsAre;

using Pieces = std::vector<std::string>;

Pieces Cut(const json& rules, std::string_view text) {
  const auto pre_tokenizer = PreTokenizer::FromJson(rules, "pre_tokenizer");
  if (!pre_tokenizer.ok()) return {pre_tokenizer.error().message};
  Pieces pieces;
  const base::Status status =
      pre_tokenizer->Split(text, [&](std::string_view piece) { pieces.emplace_back(piece); });
  if (!status.ok()) return {status.error().message};
  return pieces;
}

Pieces CutAtHyphens(const std::string& behavior, bool invert) {
  return Cut(MakeSequence({MakeSplit("-", behavior, invert)}), "the-final--countdown");
}

TEST(PreTokenizer, BehavesAsTheFileSays) {
  EXPECT_THAT(CutAtHyphens("Isolated", false),
              ElementsAre("the", "-", "final", "-", "-", "countdown"));
  EXPECT_THAT(CutAtHyphens("Removed", false), ElementsAre("the", "final", "countdown"));
  EXPECT_THAT(CutAtHyphens("Removed", true), ElementsAre("-", "-", "-"));
  EXPECT_THAT(CutAtHyphens("MergedWithPrevious", false),
              ElementsAre("the-", "final-", "-", "countdown"));
  EXPECT_THAT(CutAtHyphens("MergedWithPrevious", true),
              ElementsAre("the", "-final", "-", "-countdown"));
  EXPECT_THAT(CutAtHyphens("MergedWithNext", false),
              ElementsAre("the", "-final", "-", "-countdown"));
  EXPECT_THAT(CutAtHyphens("MergedWithNext", true),
              ElementsAre("the-", "final-", "-", "countdown"));
  EXPECT_THAT(CutAtHyphens("Contiguous", false),
              ElementsAre("the", "-", "final", "--", "countdown"));
}

TEST(PreTokenizer, StringPatternsAreLiteral) {
  const json split = {{"type", "Split"},
                      {"pattern", {{"String", ".*+"}}},
                      {"behavior", "Isolated"},
                      {"invert", false}};
  EXPECT_THAT(Cut(MakeSequence({split}), "ab.*+c"), ElementsAre("ab", ".*+", "c"));
}

TEST(PreTokenizer, EmptyMatchesCut) {
  EXPECT_THAT(Cut(MakeSequence({MakeSplit("(?=[A-Z])", "Isolated")}), "éFooBar"),
              ElementsAre("é", "Foo", "Bar"));
}

TEST(PreTokenizer, StepsCutThePiecesOfEarlierSteps) {
  const json steps = MakeSequence(
      {MakeSplit(R"(\p{N}{1,3})", "Isolated"), MakeSplit(R"(\s+(?!\S)|\s*[a-z]+)", "Isolated")});
  // The digits are gone when the second step looks ahead, so the spaces before them stay whole.
  EXPECT_THAT(Cut(steps, "a  b  12345"), ElementsAre("a", " ", " b", "  ", "123", "45"));
}

TEST(PreTokenizer, CutsDigits) {
  EXPECT_THAT(Cut(MakeSequence({{{"type", "Digits"}, {"individual_digits", true}}}), "a12½b"),
              ElementsAre("a", "1", "2", "½", "b"));
  EXPECT_THAT(Cut(MakeSequence({{{"type", "Digits"}}}), "a12½b"), ElementsAre("a", "12½", "b"));
}

TEST(PreTokenizer, ByteLevelAloneCutsLikeGpt2) {
  const json rules = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}};
  EXPECT_THAT(Cut(rules, "I'll pay  $5 now!\n "),
              ElementsAre("I", "'ll", " pay", " ", " $", "5", " now", "!", "\n "));
}

TEST(PreTokenizer, ByteLevelPutsASpaceInFrontOfPieces) {
  const json whole = {{"type", "ByteLevel"}, {"use_regex", false}};
  EXPECT_THAT(Cut(whole, "ab"), ElementsAre(" ab"));
  EXPECT_THAT(Cut(whole, " ab"), ElementsAre(" ab"));
  const json digits = {{"type", "Digits"}};
  const json rules = {{"type", "Sequence"}, {"pretokenizers", {digits, {{"type", "ByteLevel"}}}}};
  EXPECT_THAT(Cut(rules, "a1 b"), ElementsAre(" a", " 1", " b"));
}

TEST(PreTokenizer, KeepsInvalidBytesApart) {
  EXPECT_THAT(Cut(MakeSequence({MakeSplit("[a-z]+", "Isolated")}), "ab\xFF\xE4\xBD cd\xC0"),
              ElementsAre("ab", "\xFF\xE4\xBD", " ", "cd", "\xC0"));
}

TEST(PreTokenizer, IsolatedPiecesMakeUpTheText) {
  const json rules = ReadJsonFile("src/text/testdata/tokenizer/tokenizer.json")["pre_tokenizer"];
  std::mt19937 random(7);
  for (int i = 0; i < 500; ++i) {
    const std::string text = MakeRandomBytes(random, random() % 60);
    std::string joined;
    for (const std::string& piece : Cut(rules, text)) {
      ASSERT_FALSE(piece.empty());
      joined += piece;
    }
    ASSERT_EQ(joined, text);
  }
}

TEST(PreTokenizer, SaysWhatIsWrong) {
  const auto message = [](const json& rules) { return Cut(rules, "").front(); };
  EXPECT_EQ(message(nullptr), "pre_tokenizer: expected an object, found null");
  EXPECT_EQ(message(json::object()), "pre_tokenizer: \"type\" is missing");
  EXPECT_EQ(message({{"type", "Metaspace"}}), "pre_tokenizer: unknown component \"Metaspace\"");
  EXPECT_EQ(message(MakeSequence({{{"type", "Whitespace"}}})),
            "pre_tokenizer.pretokenizers[0]: unknown component \"Whitespace\"");
  EXPECT_EQ(message(MakeSequence({MakeSplit("a", "Sideways")})),
            "pre_tokenizer.pretokenizers[0].behavior: unknown behavior \"Sideways\"");
  EXPECT_EQ(message(MakeSequence({MakeSplit("(a", "Isolated")})),
            "pre_tokenizer.pretokenizers[0].pattern.Regex: missing closing parenthesis");
  EXPECT_EQ(message({{"type", "Digits"}}),
            "pre_tokenizer: no ByteLevel component: not a byte-level tokenizer");
  EXPECT_EQ(message(MakeSequence({{{"type", "ByteLevel"}}})),
            "pre_tokenizer.pretokenizers[1]: \"ByteLevel\" after ByteLevel is not supported");
  EXPECT_EQ(message(MakeSequence({{{"type", "Digits"}, {"individual_digits", 1}}})),
            "pre_tokenizer.pretokenizers[0].individual_digits: expected a boolean, found number");
}

TEST(PreTokenizer, SaysWhichExpressionGaveUp) {
  const auto pieces =
      Cut(MakeSequence({MakeSplit(R"((?:a+)+\d)", "Isolated")}), std::string(60, 'a'));
  EXPECT_THAT(pieces,
              ElementsAre("pre_tokenizer.pretokenizers[0].pattern.Regex: match limit exceeded"));
}

}  // namespace
}  // namespace fathom::text
