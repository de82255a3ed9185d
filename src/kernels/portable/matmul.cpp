#include <array>
#include <cmath>
#include <cstring>

#include "kernels/portable/lanes.h"
#include "kernels/portable/portable.h"
#include "numerics/bf16.h"
#include "numerics/block_scale.h"
#include "numerics/e2m1.h"
#include "numerics/e4m3.h"

namespace fathom::kernels::portable {
namespace {

using tensor::WeightFormat;
using tensor::WeightMatrix;

const std::array<float, 256> kE4m3Values = [] {
  std::array<float, 256> values{};
  for (int code = 0; code < 256; ++code)
    values[static_cast<size_t>(code)] = numerics::E4m3ToFloat(static_cast<uint8_t>(code));
  return values;
}();

// Every stored value times its scale is exact in float32.
void DequantizeRow(const WeightMatrix& weights, int64_t row, float* out) {
  const std::byte* data = weights.row(row);
  const auto* bytes = reinterpret_cast<const uint8_t*>(data);
  const int64_t cols = weights.cols;
  switch (weights.format) {
    case WeightFormat::kF32:
      std::memcpy(out, data, static_cast<size_t>(cols) * sizeof(float));
      return;
    case WeightFormat::kBf16:
      for (int64_t k = 0; k < cols; ++k) {
        uint16_t bits;
        std::memcpy(&bits, data + 2 * k, sizeof bits);
        out[k] = numerics::Bf16ToFloat(bits);
      }
      return;
    case WeightFormat::kE4m3: {
      const uint8_t* scales = weights.row_scales(row);
      for (int64_t k = 0; k < cols; ++k)
        out[k] = kE4m3Values[bytes[k]] * numerics::Ue8m0ToFloat(scales[k / 128]);
      return;
    }
    case WeightFormat::kE2m1: {
      const uint8_t* scales = weights.row_scales(row);
      for (int64_t k = 0; k < cols; ++k) {
        const uint8_t code = static_cast<uint8_t>(bytes[k / 2] >> (k % 2 * 4));
        out[k] = numerics::E2m1ToFloat(code) * numerics::Ue8m0ToFloat(scales[k / 32]);
      }
      return;
    }
  }
}

}  // namespace

size_t MatmulScratchBytes(int64_t cols) noexcept {
  return static_cast<size_t>(cols) * sizeof(float);
}

void MatmulFloat(const MatmulArgs& args) noexcept {
  auto* row = reinterpret_cast<float*>(args.scratch);
  for (int64_t r = args.row_begin; r < args.row_end; ++r) {
    DequantizeRow(args.weights, r, row);
    for (int64_t t = 0; t < args.tokens; ++t) {
      const int64_t x_row = args.x_rows != nullptr ? args.x_rows[t] : t;
      const auto* x = reinterpret_cast<const float*>(args.x + x_row * args.x_stride);
      args.out[t * args.out_stride + r - args.row_begin] = Dot(row, x, args.weights.cols);
    }
  }
}

// Quantised activations are stored dequantised, so that the two products are the same.
void MatmulQuantized(const MatmulArgs& args) noexcept { MatmulFloat(args); }

size_t ActivationBytes(int64_t cols) noexcept { return static_cast<size_t>(cols) * sizeof(float); }

void QuantizeActivations(const float* x, int64_t cols, WeightFormat, std::byte* out) noexcept {
  auto* values = reinterpret_cast<float*>(out);
  for (int64_t block = 0; block < cols; block += numerics::kLinearBlock) {
    float amax = 0;
    for (int64_t k = block; k < block + numerics::kLinearBlock; ++k)
      amax = std::max(amax, std::fabs(x[k]));
    const uint8_t scale = numerics::E4m3BlockScale(amax);
    for (int64_t k = block; k < block + numerics::kLinearBlock; ++k) {
      const uint8_t code = numerics::FloatToE4m3(x[k] * numerics::Ue8m0Reciprocal(scale));
      values[k] = kE4m3Values[code] * numerics::Ue8m0ToFloat(scale);
    }
  }
}

}  // namespace fathom::kernels::portable
