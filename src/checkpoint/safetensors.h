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

/// Bytes that tell the header's length.
constexpr uint64_t kLengthBytes = 8;

/// The bytes of the length and the header together. `start` is a file's beginning, kLengthBytes of
/// it or, if it has fewer, all. Errors name `path`.
base::Result<uint64_t> HeaderBytes(std::span<const std::byte> start, uint64_t file_bytes,
                                   const std::string& path);

/// Reads a header, the length before it included, and checks it against the file's size: every
/// tensor has a known type and as many bytes as its shape needs, no two share a name or a byte, and
/// together they cover the data exactly. Returns them in the order of their data. Errors name
/// `path` and the tensor. REQUIRES: as many bytes as HeaderBytes says.
base::Result<std::vector<TensorEntry>> ParseHeader(std::span<const std::byte> header,
                                                   uint64_t file_bytes, const std::string& path);

/// ParseHeader of a whole file.
base::Result<std::vector<TensorEntry>> ParseSafetensors(std::span<const std::byte> file,
                                                        const std::string& path);

}  // namespace fathom::checkpoint
