// The automata of expressions say the same as PCRE2's search does.
#include "constraint/pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "constraint/pattern_automaton.h"
#include "text/regex.h"
#include "text/utf8.h"

namespace fathom::constraint {
namespace {

using testing::HasSubstr;

// Whether the automaton takes the string, or -1 if it stops before its end.
int RunAutomaton(const CharacterAutomaton& automaton, const std::u32string& string) {
  size_t at = 0;
  for (size_t i = 0; i < string.size(); ++i) {
    const CharacterAutomaton::State& state = automaton.states[at];
    if (state.is_free) {
      const size_t left = string.size() - i;
      return left >= state.rest.least && left <= state.rest.most.value_or(left) ? 1 : 0;
    }
    int32_t next = CharacterAutomaton::kDead;
    for (size_t c = 0; c < automaton.classes.size(); ++c)
      if (Contains(automaton.classes[c], string[i])) next = state.next[c];
    if (next == CharacterAutomaton::kDead) return -1;
    at = static_cast<size_t>(next);
  }
  const CharacterAutomaton::State& state = automaton.states[at];
  return state.is_free ? state.rest.least == 0 : state.accepts;
}

std::string Encode8(const std::u32string& string) {
  std::string bytes;
  for (const char32_t c : string) text::AppendUtf8(c, bytes);
  return bytes;
}

class PatternOracle {
 public:
  explicit PatternOracle(const std::string& pattern)
      : regex_(text::Regex::CompileEcma(pattern).value()) {}
  bool Finds(const std::u32string& string) const {
    const std::string bytes = Encode8(string);
    text::RegexScratch scratch(bytes.size());
    return regex_.Search(bytes, 0, scratch).value().has_value();
  }

 private:
  text::Regex regex_;
};

std::optional<CharacterAutomaton> MakeFor(const std::string& pattern) {
  AutomatonBudget budget;
  return MakeAutomaton(ReadPattern(pattern).value(), &budget);
}

std::u32string DrawString(std::mt19937& random) {
  static const std::u32string kAlphabet = U"ab01-_ \n\"\\é\u00A0\u2028中\U0001F600";
  std::u32string string;
  for (size_t length = random() % 8; length > 0; --length)
    string += kAlphabet[random() % kAlphabet.size()];
  return string;
}

// Whether there is room for the automaton.
bool ExpectSameAsPcre(const std::string& pattern, std::mt19937& random, int strings) {
  const auto automaton = MakeFor(pattern);
  if (!automaton) return false;
  const LengthBounds bounds = {random() % 4, 3 + random() % 4};
  AutomatonBudget budget;
  const auto bounded = BoundLength(*automaton, bounds, &budget);
  if (!bounded) return false;
  const PatternOracle oracle(pattern);
  for (int i = 0; i < strings; ++i) {
    const std::u32string string = DrawString(random);
    const bool found = oracle.Finds(string);
    const bool fits = string.size() >= bounds.least && string.size() <= *bounds.most;
    EXPECT_EQ(RunAutomaton(*automaton, string) == 1, found) << pattern << " on " << Encode8(string);
    EXPECT_EQ(RunAutomaton(*bounded, string) == 1, found && fits)
        << pattern << " on " << Encode8(string);
  }
  return true;
}

TEST(Pattern, MeansWhatPcreFinds) {
  std::mt19937 random(1);
  for (const char* pattern : {"",
                              "a",
                              "^a",
                              "a$",
                              "^a$",
                              "^$",
                              "a|b",
                              "^a|b$",
                              "^(a|b)$",
                              "(?:ab)+",
                              "^(?<x>ab)*$",
                              "a{2}",
                              "^a{1,2}$",
                              "^a{2,}?$",
                              "a{,2}",
                              "a{x",
                              "]",
                              "[]",
                              "[^]",
                              "^[^]$",
                              "[^a]",
                              "^[a-b0]+$",
                              "[a-]",
                              R"([-\d])",
                              R"(^\d+$)",
                              R"(^\w\W$)",
                              R"(\s)",
                              R"(^\S+$)",
                              R"([^\s]{3})",
                              R"([\s\D]$)",
                              R"(\u00e9)",
                              R"(\u{1F600})",
                              R"(\xe9)",
                              R"(\n)",
                              R"(\cJ)",
                              R"(\-\_)",
                              ".",
                              "^.$",
                              "^.{2}$",
                              "^.*b$",
                              "a.b",
                              R"(^"\\)",
                              "^(^a)",
                              "(a$)b",
                              "(a|^)b",
                              "^(a*)*$",
                              "^(a|b|ab)*-$",
                              "(^|-)a($|-)",
                              "(a{0}b)+",
                              "中",
                              "^[é-中]+$",
                              "[\\b]",
                              "^(|a)b",
                              "^((a|b){2}-?)+$"})
    EXPECT_TRUE(ExpectSameAsPcre(pattern, random, 300)) << pattern;
}

std::string DrawPattern(std::mt19937& random, int depth) {
  static const char* const kAtoms[] = {"a",     "b",     "0",     "-",         ".",  "[ab]", "[^a]",
                                       R"(\d)", R"(\w)", R"(\S)", R"([0-1_])", "中", "^",    "$"};
  static const char* const kRepeats[] = {"", "", "", "*", "+", "?", "{2}", "{1,3}", "{2,}"};
  std::string pattern;
  for (size_t terms = 1 + random() % 3; terms > 0; --terms) {
    if (depth > 0 && random() % 3 == 0) {
      pattern += "(" + DrawPattern(random, depth - 1) + "|" + DrawPattern(random, depth - 1) + ")";
    } else {
      pattern += kAtoms[random() % std::size(kAtoms)];
    }
    if (pattern.back() != '^' && pattern.back() != '$')
      pattern += kRepeats[random() % std::size(kRepeats)];
  }
  return pattern;
}

TEST(Pattern, MeansWhatPcreFindsWhateverItIs) {
  std::mt19937 random(2);
  int held = 0;
  for (int i = 0; i < 400; ++i) held += ExpectSameAsPcre(DrawPattern(random, 2), random, 60);
  EXPECT_GT(held, 380) << "few have too many states";
}

// Whoever walks through an automaton comes to an end.
TEST(Pattern, LeadsToAnEnd) {
  std::mt19937 random(3);
  for (int i = 0; i < 400; ++i) {
    const auto whole = MakeFor(DrawPattern(random, 2));
    if (!whole) continue;
    AutomatonBudget budget;
    const auto automaton = BoundLength(*whole, {random() % 5, 5}, &budget);
    if (!automaton) continue;
    size_t at = 0;
    for (int step = 0; step <= 5; ++step) {
      const CharacterAutomaton::State& state = automaton->states[at];
      std::vector<int32_t> ways;
      for (const int32_t next : state.next)
        if (next != CharacterAutomaton::kDead) ways.push_back(next);
      EXPECT_TRUE(at == 0 || state.accepts || state.is_free || !ways.empty());
      if (ways.empty()) break;
      at = static_cast<size_t>(ways[random() % ways.size()]);
    }
  }
}

TEST(Pattern, SaysWhatItCannotHold) {
  const auto error_of = [](std::string_view pattern) {
    const auto read = ReadPattern(pattern);
    return read.ok() ? "" : read.error().message;
  };
  EXPECT_EQ(error_of("a(?=b)"), "byte 2: lookaround or a flag");
  EXPECT_EQ(error_of("(?<!b)a"), "byte 3: lookaround or a flag");
  EXPECT_EQ(error_of("(?i)a"), "byte 1: lookaround or a flag");
  EXPECT_EQ(error_of(R"((a)\1)"), "byte 5: an escape that means something else");
  EXPECT_EQ(error_of(R"(\ba)"), "byte 2: an escape that means something else");
  EXPECT_EQ(error_of(R"(\p{L})"), "byte 2: an escape that means something else");
  EXPECT_EQ(error_of("a**"), "byte 2: a repetition of a repetition");
  EXPECT_EQ(error_of("^*"), "byte 1: nothing to repeat");
  EXPECT_EQ(error_of("a{3,2}"), "byte 6: bounds that exclude each other");
  EXPECT_EQ(error_of("[b-a]"), "byte 4: a range from the higher to the lower");
  EXPECT_EQ(error_of(R"(\ud83d)"), "byte 6: half a pair of surrogates");
  for (const char* broken : {"(a", "a)", "[a", "\\", "[a\\", R"(\u00g0)", R"(\x1)", R"(\u{})", "("})
    EXPECT_THAT(error_of(broken), HasSubstr("byte ")) << broken;
  EXPECT_THAT(error_of(std::string(100, '(')), HasSubstr("nested too deep"));
}

TEST(Pattern, HasBounds) {
  EXPECT_TRUE(MakeFor("^[a-z]{1,2000}$"));
  EXPECT_FALSE(MakeFor("^[a-z]{1,3000}$")) << "states";
  EXPECT_FALSE(MakeFor("a.{20}$")) << "two to the twentieth";
  EXPECT_FALSE(MakeFor("((a{500}){500}){500}")) << "parts";
  AutomatonBudget budget = {.states = 100, .steps = 100000};
  EXPECT_TRUE(MakeAutomaton(ReadPattern("a{60}").value(), &budget));
  EXPECT_FALSE(MakeAutomaton(ReadPattern("a{60}").value(), &budget)) << "what is left";
}

}  // namespace
}  // namespace fathom::constraint
