// Linear layers: y = W x for many rows of x and several W at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "ops/context.h"
#include "tensor/matrix.h"
#include "tensor/weight_matrix.h"

namespace fathom::ops {

/// Rows of activations: float32, or quantised (QuantizeRows) for the format of the weights they
/// meet.
struct ActivationRows {
  const std::byte* data = nullptr;
  int64_t stride = 0;  ///< bytes
  bool quantized = false;

  static ActivationRows Float(const float* x, int64_t stride) {
    return {reinterpret_cast<const std::byte*>(x), stride * static_cast<int64_t>(sizeof(float)),
            false};
  }
};

/// out[t, r - row_begin] = sum over k of weights[r, k] * x[t, k] for rows [row_begin, row_end).
struct MatmulTask {
  tensor::WeightMatrix weights;
  int64_t row_begin = 0;
  int64_t row_end = 0;
  ActivationRows x;
  const int32_t* x_rows = nullptr;  ///< token t reads activation row x_rows[t]; null: row t
  int64_t tokens = 0;
  float* out = nullptr;
  int64_t out_stride = 0;  ///< floats

  /// All rows of `weights`.
  static MatmulTask Whole(const tensor::WeightMatrix& weights, ActivationRows x, int64_t tokens,
                          float* out) {
    return {weights, 0, weights.rows, x, nullptr, tokens, out, weights.rows};
  }
};

/// Scratch that Matmul needs for weights of up to `cols` columns.
size_t MatmulScratchBytes(const kernels::KernelTable& kernels, int64_t cols);

/// Computes all tasks in one parallel region: matrices that share an input belong in one call. The
/// outputs of different tasks must not overlap.
void Matmul(Context& context, std::span<const MatmulTask> tasks);

/// Activation rows as the FP8 and FP4 linears take them.
class QuantizedRows {
 public:
  QuantizedRows() = default;
  /// Room for `rows` rows of `cols` elements, to meet weights of `format`.
  QuantizedRows(const kernels::KernelTable& kernels, tensor::WeightFormat format, int64_t rows,
                int64_t cols)
      : format_(format),
        cols_(cols),
        data_(rows, static_cast<int64_t>(kernels.activation_bytes(cols) + 63) / 64 * 64) {}

  tensor::WeightFormat format() const { return format_; }
  int64_t cols() const { return cols_; }
  std::byte* row(int64_t r) { return data_.row(r); }
  ActivationRows view() const { return {data_.data(), data_.cols(), true}; }

 private:
  tensor::WeightFormat format_ = tensor::WeightFormat::kE4m3;
  int64_t cols_ = 0;
  tensor::Matrix<std::byte> data_;
};

/// The official activation quantisation (E4M3, block 128) of rows [0, rows) of x.
void QuantizeRows(Context& context, const float* x, int64_t rows, QuantizedRows& out);

}  // namespace fathom::ops
