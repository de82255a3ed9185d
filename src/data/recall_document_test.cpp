#include "data/recall_document.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace fathom::data {
namespace {

TEST(RecallDocumentTest, HoldsWhatTheModelWasTrainedOn) {
  const std::regex fact_line("The code of ([a-z]+ [a-z]+) is ([1-9][0-9]{3})\\.");
  const std::regex filler_line("[a-z]+( [a-z]+){1,4}\\.");
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const RecallDocument document = MakeRecallDocument({.seed = seed, .facts = 60, .bytes = 3000});
    size_t facts = 0;
    int64_t offset = 0;
    std::set<std::string> names;
    std::istringstream lines(document.text);
    for (std::string line; std::getline(lines, line); offset += std::ssize(line) + 1) {
      std::smatch match;
      if (!std::regex_match(line, match, fact_line)) {
        EXPECT_TRUE(std::regex_match(line, filler_line)) << line;
        continue;
      }
      ASSERT_LT(facts, document.facts.size());
      const RecallFact& fact = document.facts[facts++];
      EXPECT_EQ(fact.name, match[1]);
      EXPECT_EQ(fact.code, match[2]);
      EXPECT_EQ(fact.offset, offset);
      EXPECT_TRUE(names.insert(fact.name).second) << fact.name << " twice";
    }
    EXPECT_EQ(facts, 60U);
    EXPECT_GE(document.text.size(), 3000U);
    EXPECT_LT(document.text.size(), 3050U) << "a line of filler too many";
  }
}

TEST(RecallDocumentTest, CodesMayBeWords) {
  const RecallDocument document =
      MakeRecallDocument({.seed = 2, .facts = 400, .bytes = 0, .words = true});
  std::set<std::string> codes;
  for (const RecallFact& fact : document.facts) {
    EXPECT_TRUE(std::regex_match(fact.code, std::regex("[A-Z]?[a-z]+"))) << fact.code;
    codes.insert(fact.code);
  }
  EXPECT_GT(codes.size(), 120U) << "of 185";
}

TEST(RecallDocumentTest, NamesMayBeNumbers) {
  const RecallDocument document =
      MakeRecallDocument({.seed = 2, .facts = kMaxNumberedFacts, .bytes = 0, .numbers = true});
  std::set<std::string> names;
  for (const RecallFact& fact : document.facts) {
    EXPECT_TRUE(std::regex_match(fact.name, std::regex("[1-9][0-9]{2}"))) << fact.name;
    names.insert(fact.name);
  }
  EXPECT_EQ(std::ssize(names), kMaxNumberedFacts);
}

// As people name things: most are more than two tokens.
TEST(RecallDocumentTest, NamesMayBeInvented) {
  const RecallDocument document =
      MakeRecallDocument({.seed = 2, .facts = 500, .bytes = 0, .invented = true});
  std::set<std::string> words;
  for (const RecallFact& fact : document.facts) {
    EXPECT_TRUE(std::regex_match(fact.name, std::regex("[A-Z]?[a-z]*( [a-z]+){0,2}"))) << fact.name;
    std::istringstream parts(fact.name);
    for (std::string word; parts >> word;) words.insert(word);
  }
  EXPECT_GT(words.size(), 600U);
}

TEST(RecallDocumentTest, AsksInOtherWords) {
  std::set<std::string> questions;
  const RecallFact fact{.name = "a b", .code = "1"};
  for (uint64_t i = 0; i < kRecallWordings; ++i) {
    const std::string question = RewordedRecallQuestion(fact, i);
    EXPECT_NE(question.find("a b"), question.npos);
    questions.insert(question);
  }
  EXPECT_EQ(questions.size(), kRecallWordings);
  EXPECT_FALSE(questions.contains(RecallQuestion(fact)));
}

TEST(RecallDocumentTest, IsTheSameOnEveryPlatform) {
  EXPECT_EQ(MakeRecallDocument({.seed = 1, .facts = 2, .bytes = 0}).text,
            "The code of orchid mirror is 7930.\n"
            "The code of brook amber is 3409.\n");
}

TEST(RecallDocumentTest, CanHoldEveryPairOfWords) {
  EXPECT_EQ(MakeRecallDocument({.facts = kMaxRecallFacts, .bytes = 0}).facts.size(),
            static_cast<size_t>(kMaxRecallFacts));
}

// The latest code counts, and stands where the offset says.
TEST(RecallDocumentTest, RestatesFacts) {
  const RecallDocument document =
      MakeRecallDocument({.seed = 3, .facts = 50, .bytes = 5000, .restated = 0.5});
  int again = 0;
  for (const RecallFact& fact : document.facts) {
    const std::string now = "The code of " + fact.name + " is now " + fact.code + ".";
    const bool is_again = document.text.find(now) != std::string::npos;
    again += is_again ? 1 : 0;
    const std::string line = is_again ? now : "The code of " + fact.name + " is " + fact.code + ".";
    EXPECT_EQ(document.text.compare(static_cast<size_t>(fact.offset), line.size(), line), 0);
  }
  EXPECT_GT(again, 15);
  EXPECT_LT(again, 35);
}

// A name in the filler states nothing, and does not move what is stated.
TEST(RecallDocumentTest, NamesFactsInTheFiller) {
  const RecallDocument document =
      MakeRecallDocument({.seed = 4, .facts = 10, .bytes = 20000, .decoys = 0.5});
  int named = 0, lines = 0;
  std::istringstream text(document.text);
  for (std::string line; std::getline(text, line); ++lines) {
    if (line.starts_with("The code of ")) continue;
    const auto is_named = [&](const RecallFact& fact) { return line.ends_with(fact.name + "."); };
    named += std::any_of(document.facts.begin(), document.facts.end(), is_named) ? 1 : 0;
  }
  EXPECT_GT(named, lines / 3);
  EXPECT_LT(named, 2 * lines / 3);
  for (const RecallFact& fact : document.facts) {
    const std::string line = "The code of " + fact.name + " is " + fact.code + ".\n";
    EXPECT_EQ(document.text.compare(static_cast<size_t>(fact.offset), line.size(), line), 0);
  }
}

TEST(RecallDocumentTest, AsksForSeveralFactsInOrder) {
  const std::vector<RecallFact> facts = {{"a b", "1111"}, {"c d", "2222"}, {"e f", "3333"}};
  EXPECT_EQ(RecallQuestion(facts), "Codes of a b, c d and e f?");
  EXPECT_EQ(RecallAnswer(facts), "a b: 1111, c d: 2222, e f: 3333");
}

}  // namespace
}  // namespace fathom::data
