// A file that appears under its name only when it is whole.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "base/file.h"
#include "base/result.h"

namespace fathom::checkpoint {

/// Written under PATH.partial, then renamed to PATH. Destroyed before Publish, it leaves nothing
/// behind, and whatever PATH held before is untouched.
class PendingFile {
 public:
  static base::Result<PendingFile> Create(const std::string& path);

  PendingFile(PendingFile&& other) noexcept;
  PendingFile& operator=(PendingFile&&) = delete;
  ~PendingFile();

  base::Status Write(std::span<const std::byte> bytes) { return file_->Write(bytes); }
  base::Status Write(std::string_view text) { return file_->Write(text); }
  /// Ends the writing; the file waits under its temporary name. REQUIRES: not closed before.
  base::Status Close();
  /// Gives the file its name. REQUIRES: closed, not published before.
  base::Status Publish();

 private:
  PendingFile(std::string path, base::OutputFile file)
      : path_(std::move(path)), file_(std::move(file)) {}

  std::string path_;
  std::optional<base::OutputFile> file_;  // until it is closed
  bool waiting_ = false;                  // closed, and ours to remove
};

/// Writes a whole text file through a PendingFile.
base::Status WriteWhole(const std::string& path, std::string_view text);

}  // namespace fathom::checkpoint
