#include "cli/recall_document.h"

#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace fathom::cli {
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

TEST(RecallDocumentTest, IsTheSameOnEveryPlatform) {
  EXPECT_EQ(MakeRecallDocument({.seed = 1, .facts = 2, .bytes = 0}).text,
            "The code of orchid mirror is 7930.\n"
            "The code of brook amber is 3409.\n");
}

TEST(RecallDocumentTest, CanHoldEveryPairOfWords) {
  EXPECT_EQ(MakeRecallDocument({.facts = kMaxRecallFacts, .bytes = 0}).facts.size(),
            static_cast<size_t>(kMaxRecallFacts));
}

}  // namespace
}  // namespace fathom::cli
