#include "text/dsml_tag.h"

#include <gtest/gtest.h>

namespace fathom::text {
namespace {

using Element = DsmlTag::Element;

TEST(DsmlTag, KnowsWhatIsCertainOfEveryPrefix) {
  const std::string tags[] = {
      "<｜DSML｜tool_calls>",
      "</｜DSML｜invoke>",
      "<｜DSML｜invoke name=\"a b>\">",
      "<||DSML||parameter string='false' name='x'  >",
      "<parameter name=“x” string=“true”>",
      "</DSMLparameter\n>",
  };
  for (const std::string& text : tags) {
    DsmlTag tag;
    for (size_t length = 0; length < text.size(); ++length) {
      EXPECT_EQ(MatchTag(text.substr(0, length), &tag), Match::kPartial) << text << length;
    }
    ASSERT_EQ(MatchTag(text + "<more>", &tag), Match::kYes) << text;
    EXPECT_EQ(tag.length, text.size());
  }
}

TEST(DsmlTag, ReadsElementsAndAttributes) {
  DsmlTag tag;
  ASSERT_EQ(MatchTag("<｜DSML｜parameter x=\"1\" string=\"false\" name=\"p\">", &tag), Match::kYes);
  EXPECT_TRUE(tag.Opens(Element::kParameter));
  EXPECT_FALSE(tag.is_plain);
  EXPECT_EQ(tag.name, "p");
  EXPECT_EQ(tag.is_string, false);
  ASSERT_EQ(MatchTag("<invoke name=\"f\">", &tag), Match::kYes);
  EXPECT_TRUE(tag.Opens(Element::kInvoke));
  EXPECT_TRUE(tag.is_plain);
  EXPECT_EQ(tag.is_string, std::nullopt);
  ASSERT_EQ(MatchTag("</｜DSML｜tool_calls>", &tag), Match::kYes);
  EXPECT_TRUE(tag.Closes(Element::kToolCalls));
  ASSERT_EQ(MatchTag("<parameter name=\"p\" string=\"maybe\">", &tag), Match::kYes);
  EXPECT_EQ(tag.is_string, std::nullopt);
}

TEST(DsmlTag, RefusesWhatIsNoTag) {
  const char* texts[] = {
      "x",
      "<x",
      "< invoke",
      "<｜｜｜DSML",
      "<｜invoke",
      "<｜DSML｜invokename",
      "<｜DSML｜invoke>",
      "<｜DSML｜invoke id=\"f\">",
      "<｜DSML｜invoke name=f>",
      "<｜DSML｜invoke name\"f\">",
      "</｜DSML｜invoke name=\"f\">",
      "<｜DSML｜command>",
  };
  for (const char* text : texts) {
    DsmlTag tag;
    EXPECT_EQ(MatchTag(text, &tag), Match::kNo) << text;
  }
}

TEST(DsmlTag, EndsWithinItsLimit) {
  const std::string head = "<invoke name=\"";
  const auto make = [&](size_t length) {
    return head + std::string(length - head.size() - 2, 'x') + "\">";
  };
  DsmlTag tag;
  EXPECT_EQ(MatchTag(make(kMaxTagLength), &tag), Match::kYes);
  EXPECT_EQ(MatchTag(make(kMaxTagLength + 1), &tag), Match::kNo);
  EXPECT_EQ(MatchTag(make(kMaxTagLength + 1).substr(0, kMaxTagLength - 1), &tag), Match::kPartial);
}

}  // namespace
}  // namespace fathom::text
