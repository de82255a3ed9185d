#include "tensor/tensor_view.h"

#include <fmt/ranges.h>

namespace fathom::tensor {

int64_t ElementCount(const Shape& shape) {
  int64_t count = 1;
  for (int64_t extent : shape) count *= extent;
  return count;
}

std::string ToString(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

}  // namespace fathom::tensor
