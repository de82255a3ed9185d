#include "base/memory_region.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace fathom::base {

Result<MemoryRegion> MemoryRegion::Allocate(uint64_t bytes, const char* purpose) {
  MemoryRegion region;
  if (bytes == 0) return region;
  void* data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED)
    return MakeError("cannot get {} bytes of memory for {}: {}", bytes, purpose,
                     std::strerror(errno));
  // Weights are read from end to end: fewer, larger pages are fewer misses of the TLB.
  ::madvise(data, bytes, MADV_HUGEPAGE);
  region.data_ = static_cast<std::byte*>(data);
  region.size_ = bytes;
  return region;
}

MemoryRegion::MemoryRegion(MemoryRegion&& other) noexcept { *this = std::move(other); }

MemoryRegion& MemoryRegion::operator=(MemoryRegion&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MemoryRegion::~MemoryRegion() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

void MemoryRegion::TryLock() const {
  if (data_ != nullptr) static_cast<void>(::mlock2(data_, size_, MLOCK_ONFAULT));
}

}  // namespace fathom::base
