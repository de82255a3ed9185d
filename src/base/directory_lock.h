// A directory that one process has for itself.
#pragma once

#include <string>
#include <utility>

#include "base/result.h"

namespace fathom::base {

/// Held for as long as the object lives; the system gives it back when the process ends, however it
/// ends. Binds only those who ask for it.
class DirectoryLock {
 public:
  /// Locks `directory`, which must exist, through a file in it. Fails if another object of this
  /// process or of another one has it.
  static Result<DirectoryLock> Take(const std::string& directory);

  DirectoryLock(DirectoryLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  DirectoryLock& operator=(DirectoryLock&&) = delete;
  ~DirectoryLock();

 private:
  explicit DirectoryLock(int fd) : fd_(fd) {}

  int fd_;
};

}  // namespace fathom::base
