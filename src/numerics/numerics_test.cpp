#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "numerics/bf16.h"
#include "numerics/block_scale.h"
#include "numerics/e2m1.h"
#include "numerics/e4m3.h"

namespace fathom::numerics {
namespace {

// The nearest code by searching all of them; a tie goes to the even code. `negate` is the sign bit.
template <typename ToFloat>
int NearestCode(float value, int magnitudes, int negate, ToFloat to_float) {
  const double magnitude = std::min(std::fabs(double{value}), 1e6);
  int best = 0;
  for (int code = 0; code < magnitudes; ++code) {
    const double error = std::fabs(magnitude - to_float(static_cast<uint8_t>(code)));
    const double least = std::fabs(magnitude - to_float(static_cast<uint8_t>(best)));
    if (error < least || (error == least && code % 2 == 0)) best = code;
  }
  return std::signbit(value) ? best | negate : best;
}

std::vector<float> InterestingFloats(float span) {
  std::mt19937 random(7);
  std::vector<float> values = {0.0f, -0.0f, 1e-30f, 1e30f, -1e30f};
  for (int i = 0; i < 20000; ++i) {
    const float magnitude = std::exp2(std::uniform_real_distribution<float>(-14, 12)(random));
    values.push_back(magnitude);
    values.push_back(-magnitude);
  }
  // Exact midpoints of a fine grid hold every tie of both formats.
  for (int i = 0; i < 4096; ++i) values.push_back(span * static_cast<float>(i) / 4096.0f);
  for (int i = 0; i < 4096; ++i) values.push_back(std::ldexp(static_cast<float>(i), -12));
  return values;
}

TEST(E4m3, RoundsToTheNearestCode) {
  for (float value : InterestingFloats(512.0f))
    ASSERT_EQ(FloatToE4m3(value), NearestCode(value, 0x7F, 0x80, E4m3ToFloat)) << value;
}

TEST(E4m3, EveryCodeRoundTrips) {
  for (int code = 0; code < 256; ++code) {
    if ((code & 0x7F) == 0x7F) {
      EXPECT_TRUE(std::isnan(E4m3ToFloat(static_cast<uint8_t>(code))));
    } else {
      EXPECT_EQ(FloatToE4m3(E4m3ToFloat(static_cast<uint8_t>(code))), code);
    }
  }
  EXPECT_EQ(E4m3ToFloat(0x7E), 448.0f);
  EXPECT_EQ(E4m3ToFloat(0x01), 0x1p-9f);
  EXPECT_EQ(E4m3ToFloat(0x08), 0x1p-6f);
  EXPECT_EQ(E4m3ToFloat(0xB8), -1.0f);
}

TEST(E2m1, RoundsToTheNearestCode) {
  for (float value : InterestingFloats(8.0f))
    ASSERT_EQ(FloatToE2m1(value), NearestCode(value, 8, 8, E2m1ToFloat)) << value;
}

TEST(E2m1, DoubledValuesAreTheCodesTwice) {
  for (int code = 0; code < 16; ++code)
    EXPECT_EQ(2.0f * E2m1ToFloat(static_cast<uint8_t>(code)),
              static_cast<float>(kE2m1Doubled[static_cast<size_t>(code)]));
}

TEST(Bf16, RoundsToNearestEven) {
  EXPECT_EQ(FloatToBf16(1.0f), 0x3F80);
  EXPECT_EQ(FloatToBf16(1.0f + 0x1p-8f), 0x3F80);      // tie to even
  EXPECT_EQ(FloatToBf16(1.0f + 3 * 0x1p-8f), 0x3F82);  // tie to even, upwards
  EXPECT_EQ(FloatToBf16(1.0f + 0x1p-8f + 0x1p-20f), 0x3F81);
  EXPECT_TRUE(std::isnan(Bf16ToFloat(FloatToBf16(std::numeric_limits<float>::quiet_NaN()))));
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = Bf16ToFloat(static_cast<uint16_t>(bits));
    if (std::isnan(value)) continue;
    ASSERT_EQ(FloatToBf16(value), bits);
  }
}

TEST(Ue8m0, EveryCodeIsItsPowerOfTwo) {
  for (int code = 0; code < 255; ++code) {
    EXPECT_EQ(Ue8m0ToFloat(static_cast<uint8_t>(code)), std::ldexp(1.0f, code - 127));
    EXPECT_EQ(Ue8m0Reciprocal(static_cast<uint8_t>(code)), std::ldexp(1.0f, 127 - code));
  }
}

TEST(BlockScale, IsTheSmallestPowerOfTwoThatCovers) {
  std::mt19937 random(3);
  for (int i = 0; i < 20000; ++i) {
    const float amax = std::exp2(std::uniform_real_distribution<float>(-12, 20)(random));
    const float scale8 = Ue8m0ToFloat(E4m3BlockScale(amax));
    const float quotient = amax * (1.0f / 448.0f);
    EXPECT_GE(scale8, quotient);
    EXPECT_LT(scale8 / 2, quotient);
    const float scale4 = Ue8m0ToFloat(E2m1BlockScale(amax));
    EXPECT_GE(scale4, amax * (1.0f / 6.0f));
    EXPECT_LT(scale4 / 2, amax * (1.0f / 6.0f));
  }
  EXPECT_EQ(E4m3BlockScale(0.0f), E4m3BlockScale(1e-4f));
  EXPECT_EQ(Ue8m0ToFloat(E4m3BlockScale(448.0f)), 1.0f);
  EXPECT_EQ(Ue8m0ToFloat(E2m1BlockScale(6.0f)), 1.0f);
  EXPECT_EQ(E2m1BlockScale(0.0f), 1);
}

}  // namespace
}  // namespace fathom::numerics
