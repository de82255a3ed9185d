// Attention: against double precision, and independence of the other heads in a call.
#include <algorithm>
#include <limits>

#include "kernels/kernels_testing.h"

namespace fathom::kernels {
namespace {

/// Which dimensions of a row are its key and its value.
struct RowShape {
  int64_t row_dim;
  int64_t key_dim;
  int64_t value_begin;
  int64_t value_dim;
};

/// One query position, its heads' running state included.
struct Attention {
  RowShape shape;
  std::vector<float> query, max, sum, out;
  int64_t heads;
  float scale;

  Attention(std::vector<float> q, int64_t h, RowShape s)
      : shape(s),
        query(std::move(q)),
        max(static_cast<size_t>(h), -std::numeric_limits<float>::infinity()),
        sum(static_cast<size_t>(h)),
        out(static_cast<size_t>(h * s.value_dim)),
        heads(h),
        scale(1.0f / std::sqrt(static_cast<float>(s.key_dim))) {}
  Attention(std::vector<float> q, int64_t h, int64_t dim)
      : Attention(std::move(q), h, {dim, dim, 0, dim}) {}

  SoftmaxState state(int64_t head = 0) {
    return {&max[static_cast<size_t>(head)], &sum[static_cast<size_t>(head)],
            &out[static_cast<size_t>(head * shape.value_dim)]};
  }

  /// Rows [begin, begin + count) of `tile` for some heads.
  void Add(const KernelTable& kernels, const std::vector<std::byte>& tile, int64_t begin,
           int64_t count, int64_t head_begin, int64_t head_count) {
    const TileLayout layout = {shape.row_dim};
    kernels.attend({.query = query.data() + head_begin * shape.key_dim,
                    .heads = head_count,
                    .key_dim = shape.key_dim,
                    .value_begin = shape.value_begin,
                    .value_dim = shape.value_dim,
                    .tile = tile.data() + begin * layout.row_bytes(),
                    .layout = layout,
                    .count = count,
                    .scale = scale,
                    .state = state(head_begin)});
  }
  void AddAll(const KernelTable& kernels, const std::vector<std::byte>& tile, int64_t begin,
              int64_t end) {
    for (int64_t r = begin; r < end; r += kAttentionTile)
      Add(kernels, tile, r, std::min(kAttentionTile, end - r), 0, heads);
  }
};

/// What attention over all rows gives, in double precision, and how far off each element may be.
struct Exact {
  std::vector<double> out, bound;

  Exact(const Attention& attention, const std::vector<float>& rows,
        const std::vector<float>& sinks) {
    const RowShape& shape = attention.shape;
    const int64_t count = static_cast<int64_t>(rows.size()) / shape.row_dim;
    const auto element = [&](int64_t r, int64_t d) {
      return double{rows[static_cast<size_t>(r * shape.row_dim + d)]};
    };
    for (int64_t h = 0; h < attention.heads; ++h) {
      std::vector<double> weights;
      const double sink = sinks.empty() ? -1e9 : double{sinks[static_cast<size_t>(h)]};
      double norm = 0, max = sink;
      for (int64_t r = 0; r < count; ++r) {
        double dot = 0, magnitude = 0;
        for (int64_t d = 0; d < shape.key_dim; ++d) {
          const double product =
              double{attention.query[static_cast<size_t>(h * shape.key_dim + d)]} * element(r, d);
          dot += product;
          magnitude += std::fabs(product);
        }
        weights.push_back(dot * attention.scale);
        norm = std::max(norm, magnitude * attention.scale);
        max = std::max(max, weights.back());
      }
      double sum = std::exp(sink - max);
      for (double& weight : weights) sum += weight = std::exp(weight - max);
      // A weight is off by the error of its logit, which is a sum of key_dim/16 + 5 roundings, by
      // that of the differences to two maxima, and by 2 units of each exponential; then come the
      // sums over rows and the corrections of each tile, above and below the line.
      const double relative = ((static_cast<double>(shape.key_dim) / 16 + 8) * norm + 24 +
                               2 * static_cast<double>(count)) *
                              2 * kUnitRoundoff;
      for (int64_t d = shape.value_begin; d < shape.value_begin + shape.value_dim; ++d) {
        double want = 0, magnitude = 0;
        for (int64_t r = 0; r < count; ++r) {
          const double term = weights[static_cast<size_t>(r)] * element(r, d) / sum;
          want += term;
          magnitude += std::fabs(term);
        }
        out.push_back(want);
        bound.push_back(relative * magnitude);
      }
    }
  }

  void Check(const Attention& attention) const {
    for (size_t i = 0; i < out.size(); ++i) ASSERT_NEAR(attention.out[i], out[i], bound[i]) << i;
  }
};

class AttentionTest : public TierTest {};
FATHOM_TEST_ALL_TIERS(AttentionTest);

// The last two are MLA's latent rows and a key and a value behind each other.
constexpr RowShape kRowShapes[] = {{64, 64, 0, 64},    {112, 112, 0, 112},   {512, 512, 0, 512},
                                   {576, 576, 0, 512}, {256, 128, 128, 128}, {80, 48, 32, 48}};

TEST_P(AttentionTest, AgreesWithDoublePrecision) {
  for (const RowShape& shape : kRowShapes) {
    for (int64_t rows : {1, 3, 31, 32, 75, 160}) {
      const int64_t heads = RandomInt(1, kAttentionHeads);
      Attention attention(RandomFloats(heads * shape.key_dim, 2.0f), heads, shape);
      std::vector<float> values = RandomFloats(rows * shape.row_dim);
      const std::vector<std::byte> tile = MakeTile(values, shape.row_dim);
      std::vector<float> sinks;
      if (rows != 75) sinks = RandomFloats(heads, 2.0f);
      attention.AddAll(tier(), tile, 0, rows);
      tier().finish_attention(attention.state(), sinks.empty() ? nullptr : sinks.data(), heads,
                              shape.value_dim);
      SCOPED_TRACE(testing::Message() << shape.row_dim << " dims, " << rows << " rows");
      Exact(attention, values, sinks).Check(attention);
    }
  }
}

TEST_P(AttentionTest, MergedStatesAreThoseOfAllRows) {
  const RowShape shape = kRowShapes[0];
  constexpr int64_t kRows = 200, kHeads = 5;
  std::vector<float> values = RandomFloats(kRows * shape.row_dim);
  const std::vector<std::byte> tile = MakeTile(values, shape.row_dim);
  // The second part's logits are larger, then smaller, than the first's.
  for (const float factor : {8.0f, 0.1f}) {
    for (int64_t r = 128; r < kRows; ++r) {
      for (int64_t d = 0; d < shape.row_dim; ++d)
        values[static_cast<size_t>(r * shape.row_dim + d)] *= factor;
    }
    const std::vector<std::byte> scaled = MakeTile(values, shape.row_dim);
    Attention first(RandomFloats(kHeads * shape.key_dim), kHeads, shape);
    Attention second = first;
    first.AddAll(tier(), scaled, 0, 128);
    second.AddAll(tier(), scaled, 128, kRows);
    tier().merge_attention(second.state(), kHeads, shape.value_dim, first.state());
    tier().finish_attention(first.state(), nullptr, kHeads, shape.value_dim);
    Exact(first, values, {}).Check(first);
  }
}

TEST_P(AttentionTest, AHeadDoesNotDependOnTheOthersInTheCall) {
  constexpr int64_t kDim = 192;
  for (int64_t rows : {5, 32, 53}) {
    std::vector<float> values = RandomFloats(rows * kDim);
    const std::vector<std::byte> tile = MakeTile(values, kDim);
    for (int64_t heads : {2, 4, 7, 64}) {
      Attention together(RandomFloats(heads * kDim), heads, kDim);
      Attention alone = together;
      for (int64_t r = 0; r < rows; r += kAttentionTile) {
        const int64_t count = std::min(kAttentionTile, rows - r);
        together.Add(tier(), tile, r, count, 0, heads);
        for (int64_t h = 0; h < heads; ++h) alone.Add(tier(), tile, r, count, h, 1);
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
  std::vector<float> query(kDim);
  const auto second_weight = [&](float x) {
    query[0] = x;
    std::vector<float> rows(2 * kDim);
    rows[kDim] = 1.0f;      // the logit is x
    rows[kDim + 1] = 1.0f;  // out[1] is the second weight
    Attention attention(query, 1, kDim);
    attention.scale = 1.0f;
    attention.Add(tier(), MakeTile(rows, kDim), 0, 2, 0, 1);
    EXPECT_EQ(attention.sum[0], 1.0f + attention.out[1]);
    return attention.out[1];
  };
  for (int i = 0; i < 200000; ++i) {
    const float x = -87.0f * static_cast<float>(i) / 200000.0f;
    const double want = std::exp(double{x});
    const float rounded = static_cast<float>(want);
    const double unit = std::nextafter(rounded, 2.0f) - rounded;
    worst = std::max(worst, std::fabs(second_weight(x) - want) / unit);
  }
  EXPECT_LE(worst, 2.0);
  for (const float x : {-104.0f, -1000.0f, -std::numeric_limits<float>::max()})
    EXPECT_EQ(second_weight(x), 0.0f);
}

}  // namespace
}  // namespace fathom::kernels
