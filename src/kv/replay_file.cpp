#include "kv/replay_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "base/atomic_file.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/file_operations.h"

namespace fathom::kv {
namespace {

constexpr std::string_view kReplayMagic = "FATHOM replay 1\n";
// A file may hold so much that the map has forgotten, beside as much as the map holds.
constexpr int64_t kSlack = int64_t{1} << 20;

}  // namespace

base::Result<std::unique_ptr<ReplayFile>> ReplayFile::Open(ReplayFileOptions options) {
  std::unique_ptr<ReplayFile> file(new ReplayFile(std::move(options)));
  FATHOM_ASSIGN(const bool is_there, file->Read());
  FATHOM_TRY(is_there ? file->OpenForAppending() : file->Rewrite());
  return file;
}

ReplayFile::~ReplayFile() {
  if (fd_ >= 0) ::close(fd_);
}

std::string ReplayFile::MakeHead() const {
  const base::Digest identity = base::ComputeDigest(std::as_bytes(std::span(options_.identity)));
  std::string head(kReplayMagic);
  head.append(reinterpret_cast<const char*>(identity.data()), identity.size());
  return head;
}

base::Result<bool> ReplayFile::Read() {
  std::error_code ignored;
  if (!std::filesystem::exists(options_.path, ignored)) return false;
  FATHOM_ASSIGN(const std::string bytes, base::ReadFile(options_.path));
  std::string_view rest = bytes;
  const std::string head = MakeHead();
  if (!rest.starts_with(head)) return false;
  rest.remove_prefix(head.size());
  while (auto answer = DecodeAnswer(&rest)) map_.Remember(std::move(*answer));
  file_bytes_ = std::ssize(bytes) - std::ssize(rest);
  return true;
}

base::Status ReplayFile::Rewrite() {
  std::string bytes = MakeHead();
  map_.ForEach([&](const ReplayMap::Answer& answer) { bytes += EncodeAnswer(answer); });
  FATHOM_TRY(base::ReplaceFile(options_.path, bytes, {.mode = 0600}));
  file_bytes_ = std::ssize(bytes);
  return OpenForAppending();
}

// What is appended must not stand behind something that is not read. Cutting that off needs no
// room: a process that was killed while the disk was full comes back on it.
base::Status ReplayFile::OpenForAppending() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = ::open(options_.path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd_ >= 0 && ::ftruncate(fd_, file_bytes_) == 0) return {};
  return base::MakeError("{}: cannot open: {}", options_.path, std::strerror(errno));
}

base::Status ReplayFile::Remember(ReplayMap::Answer answer) {
  const std::string record = EncodeAnswer(answer);
  map_.Remember(std::move(answer));
  FATHOM_TRY(Append(record));
  return file_bytes_ > 2 * map_.bytes() + kSlack ? Rewrite() : base::Status();
}

// Part of a record would hide those after it.
base::Status ReplayFile::Append(const std::string& record) {
  const int error = base::FileOperations::System().Write(fd_, std::as_bytes(std::span(record)));
  if (error == 0) {
    file_bytes_ += std::ssize(record);
    return {};
  }
  if (::ftruncate(fd_, file_bytes_) != 0)
    return base::MakeError("{}: cannot be written any more: {}", options_.path,
                           std::strerror(errno));
  return base::MakeError("{}: cannot write: {}", options_.path, std::strerror(error));
}

}  // namespace fathom::kv
