#include "base/open_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/system_error.h"

namespace fathom::base {

Result<OpenFile> OpenFile::Open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return SystemError(path, "open");
  OpenFile file(path, fd, 0);
  struct stat info {};
  if (::fstat(fd, &info) != 0) return SystemError(path, "read its size");
  if (!S_ISREG(info.st_mode)) return MakeError("{}: not a regular file", path);
  file.size_ = static_cast<uint64_t>(info.st_size);
  return file;
}

OpenFile::OpenFile(OpenFile&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      size_(other.size_),
      is_direct_(other.is_direct_) {}

OpenFile& OpenFile::operator=(OpenFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  std::swap(size_, other.size_);
  std::swap(is_direct_, other.is_direct_);
  return *this;
}

OpenFile::~OpenFile() {
  if (fd_ >= 0) ::close(fd_);
}

Status OpenFile::ReadAt(uint64_t offset, std::span<std::byte> out) const {
  while (!out.empty()) {
    const ssize_t n = ::pread(fd_, out.data(), out.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SystemError(path_, "read");
    if (n == 0) return MakeError("{}: ends before byte {}: truncated?", path_, offset);
    out = out.subspan(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return {};
}

// By way of /proc, so that it is this file and not one that has its name by now.
Result<OpenFile> OpenFile::ReopenDirect() const {
  const std::string link = fmt::format("/proc/self/fd/{}", fd_);
  OpenFile direct(path_, ::open(link.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT), size_);
  // Some file systems take the flag and refuse the reads, so one is tried.
  alignas(kDirectBlock) std::byte block[kDirectBlock];
  if (direct.fd_ >= 0 && ::pread(direct.fd_, block, sizeof block, 0) >= 0) {
    direct.is_direct_ = true;
    return direct;
  }
  OpenFile plain(path_, ::fcntl(fd_, F_DUPFD_CLOEXEC, 0), size_);
  if (plain.fd_ < 0) return SystemError(path_, "open it once more");
  // Nothing but what is asked for: what is read ahead would stay where it cannot be forgotten.
  ::posix_fadvise(plain.fd_, 0, 0, POSIX_FADV_RANDOM);
  return plain;
}

void OpenFile::ForgetCached(uint64_t offset, uint64_t bytes) const {
  ::posix_fadvise(fd_, static_cast<off_t>(offset), static_cast<off_t>(bytes), POSIX_FADV_DONTNEED);
}

}  // namespace fathom::base
