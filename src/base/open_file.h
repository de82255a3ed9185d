// A file that is read at any place and never mapped: what a mapping turns into a signal (a file
// that shrinks, a disk that fails) is an error here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"

namespace fathom::base {

/// A regular file opened for reading. Movable.
class OpenFile {
 public:
  /// Reads past the page cache begin and end at multiples of this, in the file and in memory. Every
  /// common device's block divides it.
  static constexpr uint64_t kDirectBlock = 4096;

  static Result<OpenFile> Open(const std::string& path);

  OpenFile(OpenFile&& other) noexcept;
  OpenFile& operator=(OpenFile&& other) noexcept;
  ~OpenFile();

  const std::string& path() const { return path_; }
  int descriptor() const { return fd_; }
  /// When it was opened.
  uint64_t size() const { return size_; }

  /// Fills `out` with the bytes from `offset` on. A file that ends earlier is an error.
  Status ReadAt(uint64_t offset, std::span<std::byte> out) const;

  /// The same file once more, to be read past the page cache (O_DIRECT) where the file system lets
  /// that be: then `is_direct`, and reads have to keep to kDirectBlock.
  Result<OpenFile> ReopenDirect() const;
  bool is_direct() const { return is_direct_; }

  /// Lets the page cache forget a range; one of 0 bytes reaches to the end.
  void ForgetCached(uint64_t offset, uint64_t bytes) const;

 private:
  OpenFile(std::string path, int fd, uint64_t size)
      : path_(std::move(path)), fd_(fd), size_(size) {}

  std::string path_;
  int fd_ = -1;
  uint64_t size_ = 0;
  bool is_direct_ = false;
};

}  // namespace fathom::base
