#include "train/rounding.h"

#include <bit>
#include <cmath>

#include "base/check.h"
#include "train/rows.h"

namespace fathom::train {
namespace {

constexpr int64_t kInputBlock = 128;
constexpr int64_t kRowBlock = 64;
constexpr int64_t kE2m1Block = 32;
constexpr int64_t kTile = 128;

// Magnitudes below the formats' own reach count as this: the published floors of activations, and
// for weights one that no trained block falls under.
constexpr float kInputFloor = 1e-4f;
constexpr float kWeightFloor = 1e-8f;
constexpr float kE2m1Floor = 6 * 0x1p-126f;

// A format of `mantissa_bits` explicit bits, whose spacing no longer shrinks below 2^min_exponent.
struct Format {
  int mantissa_bits;
  int min_exponent;
  float max;
};
constexpr Format kE4m3 = {3, -6, 448};
constexpr Format kE2m1 = {1, 0, 6};

float PowerOfTwoAtLeast(float value) {
  int exponent = 0;
  const float mantissa = std::frexp(value, &exponent);
  return std::ldexp(1.0f, mantissa == 0.5f ? exponent - 1 : exponent);
}

// Rounds to nearest, ties to even, by adding and subtracting a power of two in whose unit of the
// last place the format's spacing lies.
inline float RoundToFormat(float value, const Format& format) {
  const float magnitude = std::min(std::fabs(value), format.max);
  const uint32_t exponent = std::bit_cast<uint32_t>(magnitude) & 0x7F800000u;
  const uint32_t lowest = static_cast<uint32_t>(127 + format.min_exponent) << 23;
  const uint32_t shift = static_cast<uint32_t>(23 - format.mantissa_bits) << 23;
  const float bias = std::bit_cast<float>(std::max(exponent, lowest) + shift);
  return std::copysign((magnitude + bias) - bias, value);
}

inline float RoundToBf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  return std::bit_cast<float>((bits + 0x7FFFu + ((bits >> 16) & 1u)) & 0xFFFF0000u);
}

float LargestMagnitude(const float* x, int64_t n) {
  float amax = 0;
  for (int64_t i = 0; i < n; ++i) amax = std::max(amax, std::fabs(x[i]));
  return amax;
}

void RoundBlock(const float* x, float* out, int64_t n, const Format& format, float scale) {
  const float inverse = 1 / scale;
  for (int64_t i = 0; i < n; ++i) out[i] = RoundToFormat(x[i] * inverse, format) * scale;
}

void RoundE4m3Blocks(const float* x, float* out, int64_t n, int64_t block) {
  for (int64_t i = 0; i < n; i += block) {
    const int64_t size = std::min(block, n - i);
    const float amax = std::max(LargestMagnitude(x + i, size), kInputFloor);
    RoundBlock(x + i, out + i, size, kE4m3, PowerOfTwoAtLeast(amax * (1 / kE4m3.max)));
  }
}

void RoundE2m1Blocks(const float* x, float* out, int64_t n) {
  for (int64_t i = 0; i < n; i += kE2m1Block) {
    const int64_t size = std::min(kE2m1Block, n - i);
    RoundBlock(x + i, out + i, size, kE2m1, E2m1WeightScale(LargestMagnitude(x + i, size)));
  }
}

// One matrix of rows x cols.
void RoundTiles(const float* x, float* out, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; r += kTile) {
    const int64_t r_end = std::min(r + kTile, rows);
    for (int64_t c = 0; c < cols; c += kTile) {
      const int64_t size = std::min(kTile, cols - c);
      float amax = 0;
      for (int64_t i = r; i < r_end; ++i)
        amax = std::max(amax, LargestMagnitude(x + i * cols + c, size));
      const float scale = E4m3WeightScale(amax);
      for (int64_t i = r; i < r_end; ++i)
        RoundBlock(x + i * cols + c, out + i * cols + c, size, kE4m3, scale);
    }
  }
}

enum class Point : uint8_t { kInput, kRow, kIndexVector, kE4m3Weight, kE2m1Weight };

void RoundRows(const float* x, float* out, int64_t n, Point point, int64_t rope_dim) {
  switch (point) {
    case Point::kInput:
      return RoundE4m3Blocks(x, out, n, kInputBlock);
    case Point::kRow:
      RoundE4m3Blocks(x, out, n - rope_dim, kRowBlock);
      for (int64_t i = n - rope_dim; i < n; ++i) out[i] = RoundToBf16(x[i]);
      return;
    case Point::kIndexVector:
    case Point::kE2m1Weight:
      return RoundE2m1Blocks(x, out, n);
    case Point::kE4m3Weight:
      return;
  }
}

class StraightThrough : public torch::autograd::Function<StraightThrough> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext*, const at::Tensor& value, Point point,
                            int64_t rope_dim) {
    FATHOM_CHECK(value.scalar_type() == at::kFloat);
    const at::Tensor x = value.contiguous();
    at::Tensor out = at::empty_like(x);
    const float* in = x.data_ptr<float>();
    float* to = out.data_ptr<float>();
    const int64_t cols = x.size(-1);
    if (point == Point::kE4m3Weight) {
      const int64_t rows = x.size(-2);
      for (int64_t at = 0; at < x.numel(); at += rows * cols)
        RoundTiles(in + at, to + at, rows, cols);
      return out;
    }
    ForRowParts(RowCount(x), [&](int64_t begin, int64_t end, int64_t) {
      for (int64_t row = begin; row < end; ++row)
        RoundRows(in + row * cols, to + row * cols, cols, point, rope_dim);
    });
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext*,
                                                 torch::autograd::variable_list grads) {
    return {grads[0], at::Tensor(), at::Tensor()};
  }
};

at::Tensor Round(const at::Tensor& x, Point point, int64_t rope_dim = 0) {
  return StraightThrough::apply(x, point, rope_dim);
}

// Sylvester's construction.
at::Tensor MakeHadamard(int64_t n) {
  at::Tensor matrix = at::ones({1, 1});
  while (matrix.size(0) < n)
    matrix = at::cat({at::cat({matrix, matrix}, 1), at::cat({matrix, -matrix}, 1)}, 0);
  return matrix / std::sqrt(static_cast<double>(n));
}

}  // namespace

float E4m3WeightScale(float amax) {
  return PowerOfTwoAtLeast(std::max(amax, kWeightFloor) * (1 / kE4m3.max));
}

float E2m1WeightScale(float amax) {
  return PowerOfTwoAtLeast(std::max(amax, kE2m1Floor) * (1 / kE2m1.max));
}

at::Tensor RoundInput(const at::Tensor& x) { return Round(x, Point::kInput); }

at::Tensor RoundRow(const at::Tensor& row, int64_t rope_dim) {
  return Round(row, Point::kRow, rope_dim);
}

at::Tensor RoundIndexVector(const at::Tensor& x) { return Round(x, Point::kIndexVector); }

at::Tensor RoundE4m3Weight(const at::Tensor& weight) { return Round(weight, Point::kE4m3Weight); }

at::Tensor RoundE2m1Weight(const at::Tensor& weight) { return Round(weight, Point::kE2m1Weight); }

at::Tensor RotateHadamard(const at::Tensor& x) {
  return at::matmul(x, MakeHadamard(x.size(-1)).to(x.scalar_type()));
}

}  // namespace fathom::train
