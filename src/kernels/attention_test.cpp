// Attention: against double precision, and independence of the other heads in a call.
#include <algorithm>
#include <limits>

#include "kernels/kernels_testing.h"

namespace fathom::kernels {
namespace {

/// One query position, its heads' running state included.
struct Attention {
  std::vector<float> query, max, sum, out;
  int64_t heads, head_dim;
  float scale;

  Attention(std::vector<float> q, int64_t h, int64_t dim)
      : query(std::move(q)),
        max(static_cast<size_t>(h), -std::numeric_limits<float>::infinity()),
        sum(static_cast<size_t>(h)),
        out(static_cast<size_t>(h * dim)),
        heads(h),
        head_dim(dim),
        scale(1.0f / std::sqrt(static_cast<float>(dim))) {}

  void Add(const KernelTable& kernels, const float* rows, int64_t count, int64_t head_begin,
           int64_t head_count) {
    kernels.attend({.query = query.data() + head_begin * head_dim,
                    .heads = head_count,
                    .head_dim = head_dim,
                    .rows = rows,
                    .count = count,
                    .scale = scale,
                    .max = max.data() + head_begin,
                    .sum = sum.data() + head_begin,
                    .out = out.data() + head_begin * head_dim});
  }
};

class AttentionTest : public TierTest {};
FATHOM_TEST_ALL_TIERS(AttentionTest);

TEST_P(AttentionTest, AgreesWithDoublePrecision) {
  for (int64_t dim : {64, 112, 512}) {
    for (int64_t rows : {1, 3, 31, 32, 75, 160}) {
      const int64_t heads = RandomInt(1, kAttentionHeads);
      Attention attention(RandomFloats(heads * dim, 2.0f), heads, dim);
      const std::vector<float> keys = RandomFloats(rows * dim);
      const std::vector<float> sinks = RandomFloats(heads, 2.0f);
      for (int64_t r = 0; r < rows; r += kAttentionTile)
        attention.Add(tier(), keys.data() + r * dim, std::min(kAttentionTile, rows - r), 0, heads);
      tier().finish_attention(attention.max.data(), attention.sum.data(), sinks.data(), heads, dim,
                              attention.out.data());
      for (int64_t h = 0; h < heads; ++h) {
        std::vector<double> logits;
        double norm = 0, max = sinks[static_cast<size_t>(h)];
        for (int64_t r = 0; r < rows; ++r) {
          double dot = 0, magnitude = 0;
          for (int64_t d = 0; d < dim; ++d) {
            const double product = double{attention.query[static_cast<size_t>(h * dim + d)]} *
                                   keys[static_cast<size_t>(r * dim + d)];
            dot += product;
            magnitude += std::fabs(product);
          }
          logits.push_back(dot * attention.scale);
          norm = std::max(norm, magnitude * attention.scale);
          max = std::max(max, logits.back());
        }
        double sum = std::exp(sinks[static_cast<size_t>(h)] - max);
        for (double& logit : logits) sum += logit = std::exp(logit - max);
        // A weight is off by the error of its logit, which is a sum of dim/16 + 5 roundings, by
        // that of the differences to two maxima, and by 2 units of each exponential; then come the
        // sums over rows and the corrections of each tile, above and below the line.
        const double bound =
            ((static_cast<double>(dim) / 16 + 8) * norm + 20 + 2 * static_cast<double>(rows)) * 2 *
            kUnitRoundoff;
        for (int64_t d = 0; d < dim; ++d) {
          double want = 0, magnitude = 0;
          for (int64_t r = 0; r < rows; ++r) {
            want += logits[static_cast<size_t>(r)] * keys[static_cast<size_t>(r * dim + d)] / sum;
            magnitude +=
                std::fabs(logits[static_cast<size_t>(r)] * keys[static_cast<size_t>(r * dim + d)]) /
                sum;
          }
          ASSERT_NEAR(attention.out[static_cast<size_t>(h * dim + d)], want, bound * magnitude)
              << dim << " dims, " << rows << " rows, head " << h;
        }
      }
    }
  }
}

TEST_P(AttentionTest, AHeadDoesNotDependOnTheOthersInTheCall) {
  constexpr int64_t kDim = 192;
  for (int64_t rows : {5, 32, 53}) {
    const std::vector<float> keys = RandomFloats(rows * kDim);
    for (int64_t heads : {2, 4, 7, 32}) {
      Attention together(RandomFloats(heads * kDim), heads, kDim);
      Attention alone = together;
      for (int64_t r = 0; r < rows; r += kAttentionTile) {
        const int64_t count = std::min(kAttentionTile, rows - r);
        together.Add(tier(), keys.data() + r * kDim, count, 0, heads);
        for (int64_t h = 0; h < heads; ++h) alone.Add(tier(), keys.data() + r * kDim, count, h, 1);
      }
      EXPECT_EQ(Bits(together.out), Bits(alone.out));
      EXPECT_EQ(Bits(together.max), Bits(alone.max));
      EXPECT_EQ(Bits(together.sum), Bits(alone.sum));
    }
  }
}

// The exponential through the softmax of one row at a time: with the first logit 0 and the second
// x < 0, the sum is 1 + e^x and the second weight e^x.
TEST_P(AttentionTest, ExponentialIsAccurateToTwoUnits) {
  constexpr int64_t kDim = 16;
  double worst = 0;
  std::vector<float> rows(2 * kDim);
  std::vector<float> query(kDim);
  query[0] = 1.0f;
  rows[1] = 0.0f;
  rows[kDim + 1] = 1.0f;  // out[1] is the second weight
  for (int i = 0; i < 200000; ++i) {
    const float x = -87.0f * static_cast<float>(i) / 200000.0f;
    rows[kDim] = x;
    Attention attention(query, 1, kDim);
    attention.scale = 1.0f;
    attention.Add(tier(), rows.data(), 2, 0, 1);
    const double want = std::exp(double{x});
    const float rounded = static_cast<float>(want);
    const double unit = std::nextafter(rounded, 2.0f) - rounded;
    worst = std::max(worst, std::fabs(attention.out[1] - want) / unit);
  }
  EXPECT_LE(worst, 2.0);
  for (const float x : {-104.0f, -1000.0f, -std::numeric_limits<float>::infinity()}) {
    Attention attention(query, 1, kDim);
    rows[kDim] = x;
    attention.scale = 1.0f;
    attention.Add(tier(), rows.data(), 2, 0, 1);
    EXPECT_EQ(attention.out[1], 0.0f);
    EXPECT_EQ(attention.sum[0], 1.0f);
  }
}

}  // namespace
}  // namespace fathom::kernels
