#include "base/file_operations.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace fathom::base {
namespace {

int ErrnoOf(int result) { return result == 0 ? 0 : errno; }

class SystemOperations final : public FileOperations {
 public:
  int CreateNew(const std::string& path, mode_t mode, int* fd) override {
    *fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    return *fd < 0 ? errno : 0;
  }

  int Write(int fd, std::span<const std::byte> bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return errno;
      bytes = bytes.subspan(static_cast<size_t>(n));
    }
    return 0;
  }

  int Sync(int fd) override { return ErrnoOf(::fsync(fd)); }
  int Close(int fd) override { return ErrnoOf(::close(fd)); }
  int Rename(const std::string& from, const std::string& to) override {
    return ErrnoOf(::rename(from.c_str(), to.c_str()));
  }

  int SyncDirectory(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return errno;
    const int error = ErrnoOf(::fsync(fd));
    ::close(fd);
    // Some file systems have no such thing for directories.
    return error == EINVAL ? 0 : error;
  }

  int Remove(const std::string& path) override { return ErrnoOf(::unlink(path.c_str())); }
};

}  // namespace

FileOperations& FileOperations::System() {
  static SystemOperations operations;
  return operations;
}

}  // namespace fathom::base
