#include "checkpoint/pending_file.h"

#include <filesystem>
#include <system_error>
#include <utility>

namespace fathom::checkpoint {
namespace {

std::string TemporaryName(const std::string& path) { return path + ".partial"; }

}  // namespace

base::Result<PendingFile> PendingFile::Create(const std::string& path) {
  FATHOM_ASSIGN(base::OutputFile file, base::OutputFile::Create(TemporaryName(path)));
  return PendingFile(path, std::move(file));
}

PendingFile::PendingFile(PendingFile&& other) noexcept
    : path_(std::move(other.path_)),
      file_(std::move(other.file_)),
      waiting_(std::exchange(other.waiting_, false)) {}

PendingFile::~PendingFile() {
  std::error_code ignored;
  if (waiting_) std::filesystem::remove(TemporaryName(path_), ignored);
}

base::Status PendingFile::Close() {
  FATHOM_CHECK(file_.has_value());
  waiting_ = true;
  const base::Status closed = file_->Close();
  file_.reset();
  return closed;
}

base::Status PendingFile::Publish() {
  FATHOM_CHECK(waiting_);
  std::error_code code;
  std::filesystem::rename(TemporaryName(path_), path_, code);
  if (code)
    return base::MakeError("{}: cannot rename it to {}: {}", TemporaryName(path_), path_,
                           code.message());
  waiting_ = false;
  return {};
}

base::Status WriteWhole(const std::string& path, std::string_view text) {
  FATHOM_ASSIGN(PendingFile file, PendingFile::Create(path));
  FATHOM_TRY(file.Write(text));
  FATHOM_TRY(file.Close());
  return file.Publish();
}

}  // namespace fathom::checkpoint
