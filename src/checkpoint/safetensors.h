// The safetensors container: a 64-bit little-endian length, that many bytes of JSON which name the
// tensors, then their data, back to back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "tensor/dtype.h"
#include "tensor/tensor_view.h"

namespace fathom::checkpoint {

/// The longest header that is read. The largest DeepSeek-V4 checkpoint needs 20 MB in all.
constexpr uint64_t kMaxHeaderBytes = uint64_t{512} << 20;

/// One tensor of a file. The product of its extents fits in 63 bits even where one of them is 0.
struct TensorEntry {
  std::string name;
  tensor::DType dtype = tensor::DType::kF32;
  tensor::Shape shape;
  uint64_t begin = 0;  ///< where its data begins and ends, from the start of the file
  uint64_t end = 0;
};

/// Reads the header of a whole file and checks it against the file's size: every tensor has a known
/// type and as many bytes as its shape needs, no two share a name or a byte, and together they
/// cover the data exactly. Returns them in the order of their data. Errors name `path` and the
/// tensor.
base::Result<std::vector<TensorEntry>> ParseSafetensors(std::span<const std::byte> file,
                                                        const std::string& path);

}  // namespace fathom::checkpoint
