// Files as the rest of the program reads them: mapped, or whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"

namespace fathom::base {

/// A file mapped read-only for as long as the object lives. Movable; the mapping never moves.
class MappedFile {
 public:
  /// What of the file is in memory already, most likely in small pages.
  enum class Cached : uint8_t { kUsed, kReadAnew };

  /// Maps the regular file at `path`, in large pages where the file system has them: those of what
  /// is read from now on. An empty file maps to an empty span.
  static Result<MappedFile> Open(const std::string& path, Cached cached = Cached::kUsed);

  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

/// Reads a whole file of at most `max_bytes` as text or raw bytes.
Result<std::string> ReadFile(const std::string& path, size_t max_bytes = size_t{1} << 30);

/// Creates the directory `path` and its parents; success if it exists already.
Status MakeDirectories(const std::string& path);

}  // namespace fathom::base
