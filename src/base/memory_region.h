// Large memory that a user's option asks for: not getting it is an error, not the end.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"

namespace fathom::base {

/// Owns zeroed, page-aligned memory, which takes physical memory where it is touched. Movable; the
/// memory never moves.
class MemoryRegion {
 public:
  /// `purpose` ends the error "cannot get 3000000000 bytes of memory for ...".
  static Result<MemoryRegion> Allocate(uint64_t bytes, const char* purpose);

  MemoryRegion() = default;
  MemoryRegion(MemoryRegion&& other) noexcept;
  MemoryRegion& operator=(MemoryRegion&& other) noexcept;
  ~MemoryRegion();

  std::byte* data() { return data_; }
  const std::byte* data() const { return data_; }
  uint64_t size() const { return size_; }

  /// Keeps what has been touched, and will be, from being swapped out, as far as this process may
  /// ask for that.
  void TryLock() const;

 private:
  std::byte* data_ = nullptr;
  uint64_t size_ = 0;
};

}  // namespace fathom::base
