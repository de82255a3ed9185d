// A weight matrix as it lies in the checkpoint.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fathom::tensor {

/// How the elements of a weight matrix are stored.
enum class WeightFormat : uint8_t {
  kF32,
  kBf16,
  kE4m3,  ///< one byte an element, one UE8M0 scale per 128 x 128 block
  kE2m1,  ///< two elements a byte (low nibble = even column), one UE8M0 scale per row and 32
          ///< columns
};

/// W[rows, cols] of a linear y = W x, row-major, not owned. `data` need not be aligned.
struct WeightMatrix {
  WeightFormat format = WeightFormat::kF32;
  int64_t rows = 0;
  int64_t cols = 0;
  const std::byte* data = nullptr;
  /// UE8M0 codes: kE4m3 [ceil(rows/128), ceil(cols/128)], kE2m1 [rows, cols/32], else null.
  const uint8_t* scales = nullptr;

  int64_t row_bytes() const {
    switch (format) {
      case WeightFormat::kF32:
        return cols * 4;
      case WeightFormat::kBf16:
        return cols * 2;
      case WeightFormat::kE4m3:
        return cols;
      case WeightFormat::kE2m1:
        return cols / 2;
    }
    return 0;
  }
  const std::byte* row(int64_t r) const { return data + r * row_bytes(); }
  /// The scales of row r, one per block of columns.
  const uint8_t* row_scales(int64_t r) const {
    return format == WeightFormat::kE2m1 ? scales + r * (cols / 32)
                                         : scales + r / 128 * ((cols + 127) / 128);
  }
};

}  // namespace fathom::tensor
