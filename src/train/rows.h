// Loops over the rows of tensors, for operations that would be many passes over memory as
// compositions of the library's own.
#pragma once

#include <algorithm>
#include <cstdint>

#include "train/torch.h"

namespace fathom::train {

/// Parts that rows are cut into. Fixed, so that sums over rows have one order whatever the number
/// of threads.
inline constexpr int64_t kRowParts = 16;

/// Calls task(begin, end, part) for the parts of [0, rows), on the library's threads.
template <typename Task>
void ForRowParts(int64_t rows, const Task& task) {
  const int64_t size = (rows + kRowParts - 1) / kRowParts;
  at::parallel_for(0, kRowParts, 1, [&](int64_t first, int64_t last) {
    for (int64_t part = first; part < last; ++part) {
      const int64_t begin = std::min(part * size, rows);
      const int64_t end = std::min(begin + size, rows);
      if (begin < end) task(begin, end, part);
    }
  });
}

/// Calls task(T{}) with the element type of `x`: float, or double where gradients are checked.
template <typename Task>
void WithElementType(const at::Tensor& x, const Task& task) {
  if (x.scalar_type() == at::kDouble)
    task(double{});
  else
    task(float{});
}

/// Rows of the last dimension.
inline int64_t RowCount(const at::Tensor& x) { return x.numel() / x.size(-1); }

}  // namespace fathom::train
