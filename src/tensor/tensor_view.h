// A tensor somebody else owns, with its type known only at run time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tensor/dtype.h"

namespace fathom::tensor {

using Shape = std::vector<int64_t>;

/// Number of elements; 1 for a scalar. REQUIRES: the product fits in 63 bits.
int64_t ElementCount(const Shape& shape);

/// "[2048, 4096]"
std::string ToString(const Shape& shape);

/// Row-major contiguous elements. The bytes need not be aligned to the element.
struct TensorView {
  DType dtype = DType::kF32;
  Shape shape;
  const std::byte* data = nullptr;

  int64_t elements() const { return ElementCount(shape); }
  int64_t bytes() const { return elements() * SizeOf(dtype); }
};

}  // namespace fathom::tensor
