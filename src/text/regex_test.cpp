#include "text/regex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/regex_syntax.h"

namespace fathom::text {
namespace {

using testing::HasSubstr;

// What the pattern matches first, or "-" if it matches nothing.
std::string FirstMatch(std::string_view pattern, std::string_view subject, size_t from = 0) {
  const auto regex = Regex::Compile(pattern);
  if (!regex.ok()) return regex.error().message;
  RegexScratch scratch(subject.size());
  const auto found = regex->Search(subject, from, scratch);
  if (!found.ok()) return found.error().message;
  if (!found->has_value()) return "-";
  return std::string(subject.substr((**found).begin, (**found).end - (**found).begin));
}

// Every expectation here is what Oniguruma 6.9.8 answers.
TEST(Regex, MeansWhatOnigurumaMeans) {
  EXPECT_EQ(FirstMatch(R"(\s+)", "a\u00A0\u3000\u2028b"), "\u00A0\u3000\u2028");
  EXPECT_EQ(FirstMatch(R"(\s)", "\u180E"), "-") << "PCRE2's \\s has it";
  EXPECT_EQ(FirstMatch(R"([^\S\n]+)", "\n\u0085x"), "\u0085");
  EXPECT_EQ(FirstMatch(R"(\w+)", "-a\u0301\u2160_\u00B2-"), "a\u0301\u2160_\u00B2");
  EXPECT_EQ(FirstMatch(R"([\w]+)", "-a\u00B2-"), "a") << "sets know no superscripts";
  EXPECT_EQ(FirstMatch(R"(\W)", "a\u0301!"), "!");
  EXPECT_EQ(FirstMatch(R"([\w-]+)", "(a-b)"), "a-b");
  EXPECT_EQ(FirstMatch(R"(\bb)", "ab\u0301 b"), "b");
  EXPECT_EQ(FirstMatch(R"(a\b)", "a\u0301"), "-") << "a mark is part of the word";
  EXPECT_EQ(FirstMatch(R"(\h+)", "xyz09aFg"), "09aF");
  EXPECT_EQ(FirstMatch(R"(\v)", "\n"), "-") << "\\v is one character, not a class";
  EXPECT_EQ(FirstMatch(R"(\d+)", "a\u0663\uFF11b"), "\u0663\uFF11");
  EXPECT_EQ(FirstMatch(R"(\p{Han}+)", "、中国"), "中国") << "the script, not its extensions";
  EXPECT_EQ(FirstMatch(R"(\p{^L}+)", "ab12"), "12");
  EXPECT_EQ(FirstMatch(R"(\u0041)", "A"), "A");
  EXPECT_EQ(FirstMatch(R"(^b$)", "a\nb\nc"), "b") << "^ and $ match at every line";
  EXPECT_EQ(FirstMatch(R"((?m:a.))", "a\n"), "a\n");
  EXPECT_EQ(FirstMatch(R"(a.)", "a\na\r"), "a\r") << "only LF ends a line";
  EXPECT_EQ(FirstMatch(R"((?i:'s|'ll))", "he'LL"), "'LL");
  EXPECT_EQ(FirstMatch(R"((?i)ab|cd)", "CD"), "CD");
  EXPECT_EQ(FirstMatch(R"((?i:x)[\p{Lu}])", "xaXA"), "XA") << "the option ends with its group";
  EXPECT_EQ(FirstMatch(R"(a{,2}b)", "aaab"), "aab");
  EXPECT_EQ(FirstMatch(R"(a{x)", "a{x"), "a{x");
  EXPECT_EQ(FirstMatch(R"([]a]+)", "b]a"), "]a");
  EXPECT_EQ(FirstMatch(R"([^\r\n\p{L}]?+\p{L}++)", "!!ab"), "!ab");
}

TEST(Regex, RefusesWhatItCannotSay) {
  EXPECT_EQ(FirstMatch(R"(\p{N}{1,3}+)", ""), "'{1,3}+' at byte 5 is not supported");
  EXPECT_EQ(FirstMatch("[a&&b]", ""), "the intersection of sets at byte 2 is not supported");
  EXPECT_EQ(FirstMatch("[a[b]]", ""), "a set inside a set at byte 2 is not supported");
  EXPECT_EQ(FirstMatch(R"([\W])", ""), R"('\W' inside a set at byte 1 is not supported)");
  EXPECT_EQ(FirstMatch(R"(\Qa\E)", ""), R"('\Q' at byte 0 is not supported)");
  EXPECT_EQ(FirstMatch(R"(\C)", ""), R"('\C' at byte 0 is not supported)");
  EXPECT_EQ(FirstMatch(R"(\xE4)", ""), R"('\x' of a single byte at byte 0 is not supported)");
  EXPECT_EQ(FirstMatch("a(?i)b|c", ""), "this kind of '(?' at byte 1 is not supported");
  EXPECT_EQ(FirstMatch(R"(\X)", ""), R"('\X' at byte 0 is not supported)");
  EXPECT_EQ(FirstMatch(R"([\p{L}](?i:a[\p{Lu}]))", ""),
            "a property in a set that ignores case at byte 13 is not supported");
  EXPECT_EQ(FirstMatch("(*UTF)a", ""), "'(*' at byte 0 is not supported");
  EXPECT_EQ(FirstMatch("\\", ""), "a backslash with nothing behind it at byte 0 is not supported");
  EXPECT_THAT(FirstMatch("[a", ""), HasSubstr("missing terminating ]"));
  EXPECT_THAT(FirstMatch(R"(\p{Nonsense})", ""), HasSubstr("unknown property"));
}

TEST(Regex, GivesUpOnRunawayPatterns) {
  EXPECT_THAT(FirstMatch(R"((?:a+)+\d)", std::string(60, 'a')), HasSubstr("match limit exceeded"));
}

TEST(Regex, LooksBehindTheStart) {
  EXPECT_EQ(FirstMatch("(?<=a)b", "ab", 1), "b");
  EXPECT_EQ(FirstMatch("^b", "ab", 1), "-");
}

TEST(Regex, SearchesALongRunInLinearTime) {
  const std::string spaces(20'000'000, ' ');
  EXPECT_EQ(FirstMatch(R"(\s*[\r\n]+|\s+(?!\S)|\s+)", spaces + "x").size(), spaces.size() - 1);
}

}  // namespace
}  // namespace fathom::text
