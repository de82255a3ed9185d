// What writing a file asks of the system, one call each, so that a test can make any of them fail.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string>

namespace fathom::base {

/// Every call returns 0, or the errno of its failure.
class FileOperations {
 public:
  virtual ~FileOperations() = default;

  /// Those of the operating system.
  static FileOperations& System();

  /// Creates a file for writing; EEXIST if there is one.
  virtual int CreateNew(const std::string& path, mode_t mode, int* fd) = 0;
  /// Writes all bytes.
  virtual int Write(int fd, std::span<const std::byte> bytes) = 0;
  /// Waits until the file's bytes are on the disk.
  virtual int Sync(int fd) = 0;
  virtual int Close(int fd) = 0;
  /// Gives a file another name, in place of the file that had it.
  virtual int Rename(const std::string& from, const std::string& to) = 0;
  /// Waits until the names in a directory are on the disk.
  virtual int SyncDirectory(const std::string& path) = 0;
  virtual int Remove(const std::string& path) = 0;
};

}  // namespace fathom::base
