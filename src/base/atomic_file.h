// A file that replaces another at once, or not at all.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/file_operations.h"
#include "base/result.h"

namespace fathom::base {

struct AtomicFileOptions {
  /// Permissions of a new file, before the umask. A file that is replaced passes its own on.
  mode_t mode = 0666;
  FileOperations* operations = &FileOperations::System();
};

/// Written under a temporary name beside its path (PATH.partial-PID-N), then renamed. Whenever the
/// process or the machine stops, the path holds what it held before or all that was written. Of two
/// that write the same path the last to commit wins; they do not mix. Errors name the path.
class AtomicFile {
 public:
  /// Fails if the path is there and no regular file. A symbolic link is followed: what it points to
  /// is replaced.
  static Result<AtomicFile> Create(const std::string& path, const AtomicFileOptions& options = {});

  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  /// Removes what was not committed.
  ~AtomicFile();

  Status Write(std::span<const std::byte> bytes);
  Status Write(std::string_view text);

  /// Waits until the bytes are on the disk and gives the file its name. After an error the path
  /// holds what it held before; only if the very last step fails, which makes the new name last
  /// through a loss of power, it holds the new bytes. REQUIRES: not called before.
  Status Commit();

 private:
  AtomicFile(std::string path, std::string target, FileOperations& operations)
      : path_(std::move(path)), target_(std::move(target)), operations_(operations) {}

  Status Open(mode_t mode);
  Status ErrorOf(int error, const char* verb) const;

  std::string path_;       // as the caller wrote it
  std::string target_;     // with symbolic links followed
  std::string temporary_;  // empty once it is gone
  FileOperations& operations_;
  int fd_ = -1;
};

/// Replaces the file at `path` by `text`, through an AtomicFile.
Status ReplaceFile(const std::string& path, std::string_view text,
                   const AtomicFileOptions& options = {});

}  // namespace fathom::base
