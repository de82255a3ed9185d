// KV rows and pooling.
#include <algorithm>
#include <limits>

#include "kernels/kernels_testing.h"

namespace fathom::kernels {
namespace {

class RowsTest : public TierTest {};
FATHOM_TEST_ALL_TIERS(RowsTest);

constexpr RowLayout kLayouts[] = {{512, 64}, {64, 0}, {192, 64}, {144, 16}, {256, 256}};

TEST_P(RowsTest, PackedBytesAreThoseOfPortable) {
  for (const RowLayout layout : kLayouts) {
    for (int round = 0; round < 400; ++round) {
      std::vector<float> row = RandomMagnitudes(layout.head_dim, -9, 9);
      if (round % 2 == 0) {
        // Ties under a scale of 1, and a largest value that makes it so.
        for (float& value : row)
          value = std::ldexp(static_cast<float>(RandomInt(-31, 31)),
                             static_cast<int>(RandomInt(-12, 3)));
        row[0] = -448.0f;
      } else if (round % 5 == 0) {
        for (float& value : row) value *= 0x1p60f;
      }
      std::vector<std::byte> packed(static_cast<size_t>(layout.row_bytes()), std::byte{0xAA});
      std::vector<std::byte> want(packed.size());
      tier().pack_row(row.data(), layout, packed.data());
      portable().pack_row(row.data(), layout, want.data());
      ASSERT_EQ(packed, want);
    }
  }
}

TEST_P(RowsTest, ExpandedRowsAreThoseOfPortable) {
  for (const RowLayout layout : kLayouts) {
    constexpr int64_t kRows = 64;
    std::vector<std::vector<std::byte>> stored(kRows);
    std::vector<const std::byte*> pointers;
    for (auto& row : stored) {
      // Any byte is a code, NaN included; any but 255 a scale. Odd addresses.
      row.resize(static_cast<size_t>(layout.row_bytes() + 1));
      for (std::byte& byte : row) byte = static_cast<std::byte>(RandomInt(0, 254));
      for (int i = 0; i < 4; ++i)
        row[static_cast<size_t>(RandomInt(1, std::max<int64_t>(1, layout.code_count())))] =
            std::byte{0xFF};
      pointers.push_back(row.data() + 1);
    }
    const size_t bytes = static_cast<size_t>(kRows * TileLayout{layout.head_dim}.row_bytes());
    std::vector<std::byte> out(bytes, std::byte{0xAA});
    std::vector<std::byte> want(bytes);
    tier().expand_rows(pointers.data(), kRows, layout, out.data());
    portable().expand_rows(pointers.data(), kRows, layout, want.data());
    ASSERT_EQ(out, want);
  }
}

TEST_P(RowsTest, PoolAgreesWithDoublePrecision) {
  for (int64_t slots : {1, 8, 128}) {
    constexpr int64_t kWidth = 80;
    std::vector<std::vector<float>> values, scores;
    std::vector<const float*> value_rows, score_rows;
    for (int64_t s = 0; s < slots; ++s) {
      values.push_back(RandomFloats(kWidth));
      scores.push_back(RandomFloats(kWidth, 4.0f));
    }
    if (slots == 8)
      std::fill(scores[0].begin(), scores[0].end(), -std::numeric_limits<float>::infinity());
    for (int64_t s = 0; s < slots; ++s) {
      value_rows.push_back(values[static_cast<size_t>(s)].data());
      score_rows.push_back(scores[static_cast<size_t>(s)].data());
    }
    std::vector<float> out(kWidth);
    tier().pool(value_rows.data(), score_rows.data(), slots, kWidth, out.data());
    for (size_t c = 0; c < kWidth; ++c) {
      double max = -1e9, sum = 0, weighted = 0, magnitude = 0, spread = 0;
      for (const auto& row : scores) max = std::max(max, double{row[c]});
      for (size_t s = 0; s < values.size(); ++s) {
        const double e = std::exp(scores[s][c] - max);
        sum += e;
        weighted += e * values[s][c];
        magnitude += e * std::fabs(values[s][c]);
        if (std::isfinite(scores[s][c])) spread = std::max(spread, max - scores[s][c]);
      }
      // Rounding the difference to the maximum moves an exponential by that difference's error;
      // then 2 units for the exponential itself, twice, and the additions of both sums.
      const double bound = (spread + 8 + 2 * static_cast<double>(slots)) * kUnitRoundoff;
      ASSERT_NEAR(out[c], weighted / sum,
                  bound * magnitude / sum + bound * std::fabs(weighted / sum));
    }
  }
}

}  // namespace
}  // namespace fathom::kernels
