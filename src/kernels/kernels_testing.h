// What the tests of this room share: one run per tier that this CPU has, random operands, and the
// portable result to hold against.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "kernels/dispatch.h"
#include "kernels/tiers.h"
#include "numerics/bf16.h"
#include "numerics/e2m1.h"
#include "numerics/e4m3.h"
#include "numerics/ue8m0.h"

namespace fathom::kernels {

/// Half a unit in the last place of 1: the relative error of one float32 operation.
inline constexpr double kUnitRoundoff = 0x1p-24;

/// Random operands, the same in every run.
class RandomTest : public testing::Test {
 protected:
  std::mt19937 random_{20260324};

  int64_t RandomInt(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }

  /// Normally distributed values.
  std::vector<float> RandomFloats(int64_t n, float deviation = 1.0f) {
    std::normal_distribution<float> normal(0, deviation);
    std::vector<float> values(static_cast<size_t>(n));
    for (float& value : values) value = normal(random_);
    return values;
  }

  /// Values of all magnitudes, with zeros and subnormals.
  std::vector<float> RandomMagnitudes(int64_t n, float low_exponent, float high_exponent) {
    std::vector<float> values = RandomFloats(n);
    for (float& value : values) {
      const int64_t kind = RandomInt(0, 15);
      if (kind == 0) {
        value = 0;
      } else if (kind == 1) {
        value = std::ldexp(value, -140);
      } else {
        value *=
            std::exp2(std::uniform_real_distribution<float>(low_exponent, high_exponent)(random_));
      }
    }
    return values;
  }
};

/// Rounds values to BF16 and lays them out as rows of a tile.
inline std::vector<std::byte> MakeTile(std::vector<float>& values, int64_t dim) {
  const TileLayout layout = {dim};
  const int64_t rows = static_cast<int64_t>(values.size()) / dim;
  std::vector<std::byte> tile(static_cast<size_t>(rows * layout.row_bytes()));
  for (int64_t i = 0; i < rows * dim; ++i) {
    float& value = values[static_cast<size_t>(i)];
    const uint16_t bits = numerics::FloatToBf16(value);
    value = numerics::Bf16ToFloat(bits);
    std::memcpy(&tile[static_cast<size_t>(i / dim * layout.row_bytes() + layout.offset(i % dim))],
                &bits, sizeof bits);
  }
  return tile;
}

/// A test that runs once for each tier.
class TierTest : public RandomTest, public testing::WithParamInterface<const KernelTable*> {
 protected:
  const KernelTable& tier() const { return *GetParam(); }
  const KernelTable& portable() const { return PortableKernels(); }
};

inline auto AllTiers() {
  const auto tiers = SupportedKernels();
  return testing::ValuesIn(std::vector<const KernelTable*>(tiers.begin(), tiers.end()));
}
inline std::string NameTier(const testing::TestParamInfo<const KernelTable*>& info) {
  return info.param->name;
}

#define FATHOM_TEST_ALL_TIERS(Suite) INSTANTIATE_TEST_SUITE_P(All, Suite, AllTiers(), NameTier)

/// The bits of floats: equality that tells zeros apart and holds for NaN.
inline std::vector<uint32_t> Bits(const std::vector<float>& values) {
  std::vector<uint32_t> bits(values.size());
  std::memcpy(bits.data(), values.data(), values.size() * sizeof(float));
  return bits;
}

}  // namespace fathom::kernels
