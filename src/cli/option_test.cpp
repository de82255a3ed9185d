#include "cli/option.h"

#include <gtest/gtest.h>

namespace fathom::cli {
namespace {

TEST(ParseBytes, TakesSuffixes) {
  EXPECT_EQ(ParseBytes("1"), 1u);
  EXPECT_EQ(ParseBytes("123456789012"), 123456789012u);
  EXPECT_EQ(ParseBytes("4K"), 4096u);
  EXPECT_EQ(ParseBytes("512M"), uint64_t{512} << 20);
  EXPECT_EQ(ParseBytes("4G"), uint64_t{4} << 30);
  EXPECT_EQ(ParseBytes("4GiB"), uint64_t{4} << 30);
  EXPECT_EQ(ParseBytes("4GB"), 4'000'000'000u);
  EXPECT_EQ(ParseBytes("3T"), uint64_t{3} << 40);
  EXPECT_EQ(ParseBytes("8388607T"), uint64_t{8388607} << 40);
}

TEST(ParseBytes, RefusesEverythingElse) {
  for (const char* text :
       {"", "0", "0G", "-1", "+1", "1.5G", "G", " 1", "1 ", "1 G", "4g", "4Gi", "4GBs", "4Gb",
        "1e9", "0x10", "99999999999999999999", "8388608T", "9223372036854775808"})
    EXPECT_FALSE(ParseBytes(text)) << text;
}

}  // namespace
}  // namespace fathom::cli
