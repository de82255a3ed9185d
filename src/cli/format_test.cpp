#include "cli/format.h"

#include <gtest/gtest.h>

#include <limits>

namespace fathom::cli {
namespace {

TEST(Format, GroupsDigitsBeforeThePoint) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1000), "1,000");
  EXPECT_EQ(FormatCount(-123456), "-123,456");
  EXPECT_EQ(FormatCount(std::numeric_limits<int64_t>::max()), "9,223,372,036,854,775,807");
  EXPECT_EQ(FormatDecimal(5031.4375, 1), "5,031.4");
  EXPECT_EQ(FormatDecimal(-1234.56789, 4), "-1,234.5679");
  EXPECT_EQ(FormatDecimal(999.96, 1), "1,000.0");
}

TEST(Format, GivesThreeDigitsAndTheUnitThatFits) {
  EXPECT_EQ(FormatBytes(0), "0 bytes");
  EXPECT_EQ(FormatBytes(999), "999 bytes");
  EXPECT_EQ(FormatBytes(1000), "1.00 kB");
  EXPECT_EQ(FormatBytes(9'994), "9.99 kB");
  EXPECT_EQ(FormatBytes(9'996), "10.0 kB");
  EXPECT_EQ(FormatBytes(99'960), "100 kB");
  EXPECT_EQ(FormatBytes(999'499), "999 kB");
  EXPECT_EQ(FormatBytes(999'500), "1.00 MB");
  EXPECT_EQ(FormatBytes(std::numeric_limits<uint64_t>::max()), "18.4 EB");
  EXPECT_EQ(FormatMagnitude(512), "512");
  EXPECT_EQ(FormatMagnitude(284'000'000'000), "284 billion");
  EXPECT_EQ(FormatMagnitude(1'590'000'000'000), "1.59 trillion");
}

}  // namespace
}  // namespace fathom::cli
