// What the tests of this room share: files written byte by byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

#include "base/temporary_folder_testing.h"

namespace fathom::checkpoint {

using base::TemporaryFolder;

inline void WriteBytes(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  if (!file.flush()) std::abort();
}

inline std::string ReadBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) std::abort();
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The bytes of a safetensors file with a header of the stated length, true or not.
inline std::string MakeFile(std::string_view header, std::string_view data, uint64_t length) {
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>(length >> (8 * i));
  return file.append(header).append(data);
}

inline std::string MakeFile(std::string_view header, std::string_view data) {
  return MakeFile(header, data, header.size());
}

inline std::span<const std::byte> AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

}  // namespace fathom::checkpoint
