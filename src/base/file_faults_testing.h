// File operations that fail, or stop as the machine does when it loses power.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "base/file_operations.h"

namespace fathom::base {

/// Passes calls on to the system until its budget of bytes or of calls is used up. From then on
/// either that call fails once, with `error` (a full disk), or nothing happens at all any more, the
/// removal of files included (a crash).
class FaultyOperations : public FileOperations {
 public:
  enum class Fault { kError, kCrash };
  static constexpr int64_t kUnlimited = INT64_MAX;

  explicit FaultyOperations(Fault fault, int64_t bytes = kUnlimited, int64_t calls = kUnlimited)
      : fault_(fault), bytes_(bytes), calls_(calls) {}

  bool struck() const { return struck_; }

  int CreateNew(const std::string& path, mode_t mode, int* fd) override {
    if (Strikes()) return ENOSPC;
    return system_.CreateNew(path, mode, fd);
  }
  int Write(int fd, std::span<const std::byte> bytes) override {
    if (Strikes()) return ENOSPC;
    const auto some = std::min<uint64_t>(bytes.size(), static_cast<uint64_t>(bytes_));
    const int error = system_.Write(fd, bytes.first(some));
    bytes_ -= static_cast<int64_t>(some);
    if (error != 0 || some == bytes.size()) return error;
    struck_ = true;
    return ENOSPC;
  }
  int Sync(int fd) override { return Strikes() ? EIO : system_.Sync(fd); }
  // A descriptor is given back in any case.
  int Close(int fd) override {
    const bool strikes = Strikes();
    const int error = system_.Close(fd);
    return strikes ? EIO : error;
  }
  int Rename(const std::string& from, const std::string& to) override {
    return Strikes() ? EIO : system_.Rename(from, to);
  }
  int SyncDirectory(const std::string& path) override {
    return Strikes() ? EIO : system_.SyncDirectory(path);
  }
  int Remove(const std::string& path) override { return Strikes() ? EIO : system_.Remove(path); }

 private:
  bool Strikes() {
    if (struck_) return fault_ == Fault::kCrash;
    struck_ = calls_-- == 0;
    return struck_;
  }

  Fault fault_;
  int64_t bytes_;
  int64_t calls_;
  bool struck_ = false;
  FileOperations& system_ = System();
};

}  // namespace fathom::base
