// Matrix products: against double precision, and batch invariance bit for bit.
#include <algorithm>
#include <memory>
#include <numeric>

#include "kernels/kernels_testing.h"

namespace fathom::kernels {
namespace {

using tensor::WeightFormat;
using tensor::WeightMatrix;

/// A weight matrix that owns its bytes. They start at an odd address and end where the allocation
/// ends, so that a sanitizer sees any read beyond them.
struct OwnedWeights {
  std::vector<std::byte> bytes;
  std::vector<uint8_t> scales;
  WeightMatrix matrix;

  OwnedWeights(WeightFormat format, int64_t rows, int64_t cols) {
    matrix = {.format = format, .rows = rows, .cols = cols};
    bytes.resize(static_cast<size_t>(rows * matrix.row_bytes() + 1));
    if (format == WeightFormat::kE4m3) scales.resize(((rows + 127) / 128) * ((cols + 127) / 128));
    if (format == WeightFormat::kE2m1) scales.resize(rows * (cols / 32));
    matrix.data = bytes.data() + 1;
    matrix.scales = scales.data();
  }
  std::byte* row(int64_t r) { return bytes.data() + 1 + r * matrix.row_bytes(); }

  /// The value of an element, by the definition of its format.
  double ValueAt(int64_t r, int64_t k) const {
    const std::byte* data = matrix.row(r);
    switch (matrix.format) {
      case WeightFormat::kF32: {
        float value;
        std::memcpy(&value, data + 4 * k, sizeof value);
        return value;
      }
      case WeightFormat::kBf16: {
        uint16_t bits;
        std::memcpy(&bits, data + 2 * k, sizeof bits);
        return numerics::Bf16ToFloat(bits);
      }
      case WeightFormat::kE4m3:
        return double{numerics::E4m3ToFloat(static_cast<uint8_t>(data[k]))} *
               numerics::Ue8m0ToFloat(matrix.row_scales(r)[k / 128]);
      case WeightFormat::kE2m1: {
        const auto code = static_cast<uint8_t>(static_cast<uint8_t>(data[k / 2]) >> (k % 2 * 4));
        return double{numerics::E2m1ToFloat(code)} *
               numerics::Ue8m0ToFloat(matrix.row_scales(r)[k / 32]);
      }
    }
    return 0;
  }
};

struct Shape {
  WeightFormat format;
  bool quantized_activations;
  int64_t rows, cols;
};

std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  constexpr const char* kNames[] = {"F32", "BF16", "E4M3", "E2M1"};
  return out << kNames[static_cast<int>(shape.format)]
             << (shape.quantized_activations ? " x E4M3 " : " x F32 ") << shape.rows << " x "
             << shape.cols;
}

const Shape kShapes[] = {
    {WeightFormat::kF32, false, 3, 16},     {WeightFormat::kF32, false, 24, 2064},
    {WeightFormat::kF32, false, 9, 2048},   {WeightFormat::kBf16, false, 9, 4096},
    {WeightFormat::kBf16, false, 1, 48},    {WeightFormat::kBf16, false, 130, 1040},
    {WeightFormat::kBf16, false, 5, 7168},  {WeightFormat::kE4m3, false, 131, 128},
    {WeightFormat::kE4m3, false, 10, 4096}, {WeightFormat::kE4m3, true, 1, 128},
    {WeightFormat::kE4m3, true, 130, 384},  {WeightFormat::kE4m3, true, 7, 16384},
    {WeightFormat::kE4m3, true, 258, 2176}, {WeightFormat::kE2m1, true, 1, 128},
    {WeightFormat::kE2m1, true, 130, 640},  {WeightFormat::kE2m1, true, 9, 7168},
    {WeightFormat::kE2m1, true, 3, 2176},
};

class MatmulTest : public TierTest {
 protected:
  /// Scales are 2^low .. 2^high.
  OwnedWeights RandomWeights(WeightFormat format, int64_t rows, int64_t cols, int low = -12,
                             int high = 1) {
    OwnedWeights weights(format, rows, cols);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t i = 0; i < weights.matrix.row_bytes(); ++i)
        weights.row(r)[i] = static_cast<std::byte>(RandomInt(0, 255));
      if (format == WeightFormat::kF32) {
        const std::vector<float> values = RandomFloats(cols);
        std::memcpy(weights.row(r), values.data(), values.size() * sizeof(float));
      } else if (format == WeightFormat::kBf16) {
        for (int64_t k = 0; k < cols; ++k) {
          const uint16_t bits = numerics::FloatToBf16(RandomFloats(1)[0]);
          std::memcpy(weights.row(r) + 2 * k, &bits, sizeof bits);
        }
      } else if (format == WeightFormat::kE4m3) {
        for (int64_t k = 0; k < cols; ++k)
          if ((weights.row(r)[k] & std::byte{0x7F}) == std::byte{0x7F}) weights.row(r)[k] = {};
      }
    }
    for (uint8_t& scale : weights.scales) scale = static_cast<uint8_t>(127 + RandomInt(low, high));
    return weights;
  }

  /// Activation rows as the tier wants them.
  std::vector<std::byte> Prepare(const Shape& shape, const std::vector<float>& x, int64_t tokens) {
    stride_ = shape.quantized_activations
                  ? static_cast<int64_t>(tier().activation_bytes(shape.cols))
                  : shape.cols * static_cast<int64_t>(sizeof(float));
    std::vector<std::byte> rows(static_cast<size_t>(tokens * stride_));
    for (int64_t t = 0; t < tokens; ++t) {
      if (shape.quantized_activations) {
        tier().quantize_activations(x.data() + t * shape.cols, shape.cols, shape.format,
                                    rows.data() + t * stride_);
      } else {
        std::memcpy(rows.data() + t * stride_, x.data() + t * shape.cols,
                    static_cast<size_t>(stride_));
      }
    }
    return rows;
  }

  /// out[tokens, row_end - row_begin] of tokens that read rows x_rows of `x`.
  std::vector<float> Multiply(const Shape& shape, const WeightMatrix& weights,
                              const std::vector<std::byte>& x, std::vector<int32_t> x_rows,
                              int64_t row_begin, int64_t row_end, bool identity = false) {
    const int64_t rows = row_end - row_begin;
    const auto tokens = static_cast<int64_t>(x_rows.size());
    const size_t scratch_bytes = tier().matmul_scratch_bytes(shape.cols);
    const std::unique_ptr<std::byte, decltype(&std::free)> scratch(
        static_cast<std::byte*>(std::aligned_alloc(64, (scratch_bytes + 63) / 64 * 64)), std::free);
    // A row of outputs is followed by one that must not be written.
    std::vector<float> padded(static_cast<size_t>(tokens * (rows + 1)), 77.0f);
    const MatmulArgs args = {.weights = weights,
                             .row_begin = row_begin,
                             .row_end = row_end,
                             .x = x.data(),
                             .x_stride = stride_,
                             .x_rows = identity ? nullptr : x_rows.data(),
                             .tokens = tokens,
                             .out = padded.data(),
                             .out_stride = rows + 1,
                             .scratch = scratch.get()};
    (shape.quantized_activations ? tier().matmul_quantized : tier().matmul_float)(args);
    std::vector<float> out;
    for (int64_t t = 0; t < tokens; ++t) {
      out.insert(out.end(), padded.begin() + t * (rows + 1),
                 padded.begin() + t * (rows + 1) + rows);
      EXPECT_EQ(padded[static_cast<size_t>(t * (rows + 1) + rows)], 77.0f);
    }
    return out;
  }

  std::vector<int32_t> Iota(int64_t n) {
    std::vector<int32_t> rows(static_cast<size_t>(n));
    std::iota(rows.begin(), rows.end(), 0);
    return rows;
  }

  // Activations as portable quantises them: their values are the definition.
  std::vector<float> DequantizedActivations(const Shape& shape, const std::vector<float>& x) {
    if (!shape.quantized_activations) return x;
    std::vector<float> values(x.size());
    for (size_t i = 0; i < x.size(); i += static_cast<size_t>(shape.cols))
      portable().quantize_activations(x.data() + i, shape.cols, shape.format,
                                      reinterpret_cast<std::byte*>(values.data() + i));
    return values;
  }

  void ExpectNear(const Shape& shape, const OwnedWeights& weights, const std::vector<float>& x,
                  const std::vector<float>& out) {
    const std::vector<float> values = DequantizedActivations(shape, x);
    const int64_t tokens = static_cast<int64_t>(x.size()) / shape.cols;
    for (int64_t r = 0; r < shape.rows; ++r) {
      std::vector<double> row(static_cast<size_t>(shape.cols));
      for (int64_t k = 0; k < shape.cols; ++k) row[static_cast<size_t>(k)] = weights.ValueAt(r, k);
      for (int64_t t = 0; t < tokens; ++t) {
        double sum = 0;
        double magnitude = 0;
        for (int64_t k = 0; k < shape.cols; ++k) {
          const double product =
              row[static_cast<size_t>(k)] * values[static_cast<size_t>(t * shape.cols + k)];
          sum += product;
          magnitude += std::fabs(product);
        }
        // An element is added at most once per 16 columns, and multiplied once, then goes through
        // at most 8 additions of sums and lanes.
        const double bound = (static_cast<double>(shape.cols) / 16 + 9) * kUnitRoundoff * magnitude;
        ASSERT_NEAR(out[static_cast<size_t>(t * shape.rows + r)], sum, bound)
            << shape << ", row " << r << ", token " << t;
      }
    }
  }

  int64_t stride_ = 0;
};
FATHOM_TEST_ALL_TIERS(MatmulTest);

TEST_P(MatmulTest, AgreesWithDoublePrecision) {
  for (const Shape& shape : kShapes) {
    const OwnedWeights weights = RandomWeights(shape.format, shape.rows, shape.cols);
    for (int64_t tokens : {1, 3, 6}) {
      const std::vector<float> x = RandomFloats(tokens * shape.cols);
      const auto rows = Prepare(shape, x, tokens);
      ExpectNear(shape, weights, x,
                 Multiply(shape, weights.matrix, rows, Iota(tokens), 0, shape.rows, true));
    }
  }
}

// The first rule: an output element has the same bits however a call covers it.
TEST_P(MatmulTest, AnElementDoesNotDependOnTheCallThatComputesIt) {
  constexpr int64_t kTokens = 65;
  for (const Shape& shape : kShapes) {
    const OwnedWeights weights = RandomWeights(shape.format, shape.rows, shape.cols);
    const auto x = Prepare(shape, RandomFloats(kTokens * shape.cols), kTokens);
    // One row of one token at a time for a few rows, one token at a time for all.
    std::vector<float> alone;
    for (int32_t t = 0; t < kTokens; ++t) {
      const auto out = Multiply(shape, weights.matrix, x, {t}, 0, shape.rows);
      for (int64_t r : {int64_t{0}, shape.rows / 2, shape.rows - 1})
        ASSERT_EQ(Bits(Multiply(shape, weights.matrix, x, {t}, r, r + 1))[0],
                  Bits(out)[static_cast<size_t>(r)]);
      alone.insert(alone.end(), out.begin(), out.end());
    }
    for (int64_t tokens : {2, 3, 4, 5, 6, 7, 8, 9, 13, 16, 17, 64, 65}) {
      std::vector<int32_t> gather(static_cast<size_t>(tokens));
      for (int32_t& row : gather) row = static_cast<int32_t>(RandomInt(0, kTokens - 1));
      const int64_t begin = RandomInt(0, shape.rows - 1);
      const int64_t end = RandomInt(begin + 1, shape.rows);
      const auto out = Bits(Multiply(shape, weights.matrix, x, gather, begin, end));
      for (int64_t t = 0; t < tokens; ++t)
        for (int64_t r = begin; r < end; ++r)
          ASSERT_EQ(out[static_cast<size_t>(t * (end - begin) + r - begin)],
                    Bits({alone[static_cast<size_t>(gather[t] * shape.rows + r)]})[0])
              << shape << ", row " << r << ", token " << t << " of " << tokens;
    }
  }
}

// Nor on where in a line of the cache the weights begin.
TEST_P(MatmulTest, AnElementDoesNotDependOnWhereTheWeightsLie) {
  for (const Shape& shape : kShapes) {
    if (shape.rows * shape.cols > 50'000) continue;
    const OwnedWeights weights = RandomWeights(shape.format, shape.rows, shape.cols);
    const auto bytes = static_cast<size_t>(shape.rows * weights.matrix.row_bytes());
    for (int64_t tokens : {1, 2, 3}) {
      const auto x = Prepare(shape, RandomFloats(tokens * shape.cols), tokens);
      const auto expected = Bits(Multiply(shape, weights.matrix, x, Iota(tokens), 0, shape.rows));
      for (size_t offset = 0; offset < 64; offset += offset < 8 ? 1 : 7) {
        // Nothing behind them: a sanitizer sees what is read there.
        void* memory = nullptr;
        ASSERT_EQ(::posix_memalign(&memory, 64, offset + bytes), 0);
        const std::unique_ptr<std::byte, decltype(&std::free)> moved(
            static_cast<std::byte*>(memory), std::free);
        std::memcpy(moved.get() + offset, weights.matrix.data, bytes);
        WeightMatrix matrix = weights.matrix;
        matrix.data = moved.get() + offset;
        ASSERT_EQ(Bits(Multiply(shape, matrix, x, Iota(tokens), 0, shape.rows)), expected)
            << shape << ", " << tokens << " tokens, at " << offset;
      }
    }
  }
}

// Powers of two beyond anything a checkpoint holds, on both sides.
TEST_P(MatmulTest, ExtremeScalesStayExact) {
  for (const auto& [low, high] : {std::pair{-60, -40}, {-90, -90}, {20, 40}, {60, 60}}) {
    for (const Shape& shape :
         {Shape{WeightFormat::kE4m3, false, 5, 512}, Shape{WeightFormat::kE4m3, true, 5, 512},
          Shape{WeightFormat::kE2m1, true, 5, 512}}) {
      const OwnedWeights weights = RandomWeights(shape.format, shape.rows, shape.cols, low, high);
      for (int64_t tokens : {2, 9}) {
        const std::vector<float> x = RandomMagnitudes(tokens * shape.cols, -10, 10);
        const auto rows = Prepare(shape, x, tokens);
        ExpectNear(shape, weights, x,
                   Multiply(shape, weights.matrix, rows, Iota(tokens), 0, shape.rows));
      }
    }
  }
}

// Every weight code against 1: one product, so the result is the code's value itself.
TEST_P(MatmulTest, EveryCodeIsExact) {
  for (const Shape& shape :
       {Shape{WeightFormat::kE4m3, false, 256, 128}, Shape{WeightFormat::kE4m3, true, 256, 128},
        Shape{WeightFormat::kE2m1, true, 256, 128}}) {
    OwnedWeights weights(shape.format, shape.rows, shape.cols);
    std::fill(weights.scales.begin(), weights.scales.end(), uint8_t{120});
    for (int64_t r = 0; r < 256; ++r)
      std::fill_n(weights.row(r), weights.matrix.row_bytes(), static_cast<std::byte>(r));
    constexpr int64_t kColumns[6] = {0, 1, 14, 31, 64, 127};
    std::vector<float> x(static_cast<size_t>(6 * shape.cols));
    for (int64_t t = 0; t < 6; ++t) x[static_cast<size_t>(t * shape.cols + kColumns[t])] = 1.0f;
    const auto rows = Prepare(shape, x, 6);
    for (int64_t tokens : {1, 6}) {
      const auto out = Multiply(shape, weights.matrix, rows, Iota(tokens), 0, 256);
      for (int64_t t = 0; t < tokens; ++t) {
        for (int64_t r = 0; r < 256; ++r) {
          const double want = weights.ValueAt(r, kColumns[t]);
          const float got = out[static_cast<size_t>(t * 256 + r)];
          ASSERT_TRUE(std::isnan(want) ? std::isnan(got) : got == want)
              << shape << ", code " << r << ", token " << t << ": " << got << " for " << want;
        }
      }
    }
  }
}

TEST_P(MatmulTest, ANanCodeSpoilsItsOwnRowOnly) {
  for (bool quantized : {true, false}) {
    const Shape shape = {WeightFormat::kE4m3, quantized, 6, 1280};
    OwnedWeights weights = RandomWeights(shape.format, shape.rows, shape.cols);
    weights.row(2)[1200] = std::byte{0xFF};
    weights.row(4)[3] = std::byte{0x7F};
    for (int64_t tokens : {1, 7}) {
      const auto x = Prepare(shape, RandomFloats(tokens * shape.cols), tokens);
      const auto out = Multiply(shape, weights.matrix, x, Iota(tokens), 0, shape.rows);
      for (int64_t t = 0; t < tokens; ++t)
        for (int64_t r = 0; r < shape.rows; ++r)
          EXPECT_EQ(std::isnan(out[static_cast<size_t>(t * shape.rows + r)]), r == 2 || r == 4);
    }
  }
}

// Through the identity matrix: the values that a tier stored, one by one.
TEST_P(MatmulTest, ActivationsAreQuantisedAsPortableDoes) {
  constexpr int64_t kCols = 128;
  for (WeightFormat format : {WeightFormat::kE4m3, WeightFormat::kE2m1}) {
    const Shape shape = {format, true, kCols, kCols};
    OwnedWeights weights(format, kCols, kCols);
    std::fill(weights.scales.begin(), weights.scales.end(), uint8_t{127});
    for (int64_t r = 0; r < kCols; ++r) {
      if (format == WeightFormat::kE4m3)
        weights.row(r)[r] = std::byte{0x38};
      else
        weights.row(r)[r / 2] = std::byte{2} << (r % 2 * 4);
    }
    for (int round = 0; round < 60; ++round) {
      constexpr int64_t kTokens = 64;
      std::vector<float> x = RandomMagnitudes(kTokens * kCols, -9, 9);
      // Ties of both parts of the format under a scale of 1: the block's largest value is 448.
      for (int64_t t = 0; t < kTokens; t += 2) {
        for (int64_t k = 1; k < kCols; ++k)
          x[static_cast<size_t>(t * kCols + k)] = std::ldexp(static_cast<float>(RandomInt(-31, 31)),
                                                             static_cast<int>(RandomInt(-12, 3)));
        x[static_cast<size_t>(t * kCols)] = 448.0f;
      }
      const float huge = std::ldexp(1.0f, static_cast<int>(RandomInt(-20, 60)));
      for (int64_t k = 0; k < kCols; ++k) x[static_cast<size_t>(kCols + k)] *= huge;
      const auto rows = Prepare(shape, x, kTokens);
      const auto out = Multiply(shape, weights.matrix, rows, Iota(kTokens), 0, kCols);
      ASSERT_EQ(out, DequantizedActivations(shape, x));
    }
  }
}

}  // namespace
}  // namespace fathom::kernels
