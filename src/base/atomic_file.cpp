#include "base/atomic_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/system_error.h"

namespace fathom::base {
namespace {

// Files that a process of the same number left behind when it was killed.
constexpr int kMostAttempts = 1000;

std::string DirectoryOf(const std::string& path) {
  const std::string directory = std::filesystem::path(path).parent_path().string();
  return directory.empty() ? "." : directory;
}

}  // namespace

Result<AtomicFile> AtomicFile::Create(const std::string& path, const AtomicFileOptions& options) {
  std::string target = path;
  mode_t mode = options.mode;
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) {
    if (!S_ISREG(info.st_mode)) return MakeError("{}: not a regular file", path);
    std::error_code code;
    target = std::filesystem::canonical(path, code).string();
    if (code) return MakeError("{}: cannot find it: {}", path, code.message());
    mode = info.st_mode & 0777;
  }
  AtomicFile file(path, std::move(target), *options.operations);
  FATHOM_TRY(file.Open(mode));
  return file;
}

Status AtomicFile::Open(mode_t mode) {
  int error = EEXIST;
  for (int i = 0; error == EEXIST && i < kMostAttempts; ++i) {
    temporary_ = fmt::format("{}.partial-{}-{}", target_, ::getpid(), i);
    error = operations_.CreateNew(temporary_, mode, &fd_);
  }
  if (error == 0) return {};
  temporary_.clear();
  return ErrorOf(error, "create");
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      target_(std::move(other.target_)),
      temporary_(std::exchange(other.temporary_, {})),
      operations_(other.operations_),
      fd_(std::exchange(other.fd_, -1)) {}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) operations_.Close(fd_);
  if (!temporary_.empty()) operations_.Remove(temporary_);
}

Status AtomicFile::Write(std::span<const std::byte> bytes) {
  FATHOM_CHECK(fd_ >= 0);
  return ErrorOf(operations_.Write(fd_, bytes), "write");
}

Status AtomicFile::Write(std::string_view text) { return Write(std::as_bytes(std::span(text))); }

Status AtomicFile::Commit() {
  FATHOM_CHECK(fd_ >= 0);
  FATHOM_TRY(ErrorOf(operations_.Sync(fd_), "write"));
  FATHOM_TRY(ErrorOf(operations_.Close(std::exchange(fd_, -1)), "write"));
  FATHOM_TRY(ErrorOf(operations_.Rename(temporary_, target_), "replace"));
  temporary_.clear();
  return ErrorOf(operations_.SyncDirectory(DirectoryOf(target_)), "make its name last");
}

Status AtomicFile::ErrorOf(int error, const char* verb) const {
  if (error == 0) return {};
  return SystemError(path_, verb, error);
}

Status ReplaceFile(const std::string& path, std::string_view text,
                   const AtomicFileOptions& options) {
  FATHOM_ASSIGN(AtomicFile file, AtomicFile::Create(path, options));
  FATHOM_TRY(file.Write(text));
  return file.Commit();
}

}  // namespace fathom::base
