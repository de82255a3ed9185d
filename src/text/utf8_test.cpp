#include "text/utf8.h"

#include <gtest/gtest.h>

namespace fathom::text {
namespace {

TEST(Utf8, AcceptsExactlyTheScalarValues) {
  for (char32_t code_point = 0; code_point <= 0x10FFFF; ++code_point) {
    if (code_point == 0xD800) code_point = 0xE000;
    std::string text;
    AppendUtf8(code_point, text);
    ASSERT_EQ(CharacterLength(text, 0), text.size()) << static_cast<uint32_t>(code_point);
    ASSERT_EQ(CodePointAt(text, 0, text.size()), code_point);
    ASSERT_EQ(CharacterLengthBefore(text, text.size()), text.size());
    for (size_t cut = 1; cut < text.size(); ++cut) {
      ASSERT_EQ(CharacterLength(text.substr(0, cut), 0), 0u);
      ASSERT_EQ(UnfinishedTailLength(std::string("a").append(text, 0, cut)), cut);
    }
    ASSERT_EQ(UnfinishedTailLength(text), 0u);
  }
}

TEST(Utf8, FindsTheFirstInvalidByte) {
  EXPECT_EQ(ValidPrefixLength("a｜\xF0\x9F\x98\x80"), 8u);
  EXPECT_EQ(ValidPrefixLength("ab\x80"), 2u);
  EXPECT_EQ(ValidPrefixLength("\xC0\xAF"), 0u) << "overlong";
  EXPECT_EQ(ValidPrefixLength("a\xED\xA0\x80"), 1u) << "surrogate";
  EXPECT_EQ(ValidPrefixLength("\xF4\x90\x80\x80"), 0u) << "above U+10FFFF";
  EXPECT_EQ(ValidPrefixLength("0123456789abc\xEF\xBD"), 13u) << "cut short";
}

TEST(Utf8, DoesNotWaitForWhatCannotBecomeACharacter) {
  EXPECT_EQ(UnfinishedTailLength("\xED\xA0"), 0u);
  EXPECT_EQ(UnfinishedTailLength("\xC0"), 0u);
  EXPECT_EQ(UnfinishedTailLength("\x80\x80"), 0u);
  EXPECT_EQ(UnfinishedTailLength("\xEF\xBD"), 2u);
}

}  // namespace
}  // namespace fathom::text
