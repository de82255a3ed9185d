#include "checkpoint/directory.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <system_error>

#include "checkpoint/index.h"
#include "checkpoint/json_events.h"

namespace fathom::checkpoint {
namespace {

constexpr std::string_view kSingleFile = "model.safetensors";

std::string Join(const std::string& directory, std::string_view name) {
  return (std::filesystem::path(directory) / name).string();
}

bool Exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

std::vector<std::string> ShardsOf(const ShardIndex& index) {
  std::vector<std::string> names;
  for (const auto& entry : index.entries) names.push_back(entry.file);
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

base::Result<std::vector<std::string>> ListShards(const std::string& directory) {
  std::error_code code;
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator it(directory, code), end; !code && it != end;
       it.increment(code)) {
    const std::string name = it->path().filename().string();
    if (name.starts_with("model-") && name.ends_with(".safetensors")) names.push_back(name);
  }
  if (code) return base::MakeError("{}: cannot list the directory: {}", directory, code.message());
  if (names.empty())
    return base::MakeError("{}: holds no checkpoint: neither {} nor {} nor model-*.safetensors",
                           directory, kIndexFile, kSingleFile);
  std::ranges::sort(names);
  return names;
}

base::Status CompareWithIndex(const TensorDirectory& directory, const ShardIndex& index,
                              const std::string& index_path) {
  std::unordered_map<std::string_view, const std::string*> listed;
  for (const auto& [tensor, file] : index.entries) {
    listed.emplace(tensor, &file);
    const StoredTensor* stored = directory.Find(tensor);
    if (stored == nullptr || stored->name != tensor)
      return base::MakeError("{}: tensor {} is not in {}", index_path, QuoteName(tensor), file);
    const std::string& found = directory.FileOf(*stored);
    if (found != Join(directory.path(), file))
      return base::MakeError("{}: tensor {} should be in {}, but is in {}", index_path,
                             QuoteName(tensor), file, found);
  }
  for (const StoredTensor& tensor : directory.tensors())
    if (!listed.contains(tensor.name))
      return base::MakeError("{}: tensor {} of {} is not listed", index_path,
                             QuoteName(tensor.name), directory.FileOf(tensor));
  return {};
}

}  // namespace

std::string_view WithoutModelPrefix(std::string_view name) {
  constexpr std::string_view kPrefix = "model.";
  if (name.starts_with(kPrefix)) name.remove_prefix(kPrefix.size());
  return name;
}

base::Result<TensorDirectory> TensorDirectory::Open(const std::string& path,
                                                    const Progress& progress, Access access) {
  TensorDirectory directory(path, access);
  const std::string index_path = Join(path, kIndexFile);
  if (Exists(index_path)) {
    FATHOM_ASSIGN(const std::string json, base::ReadFile(index_path));
    FATHOM_ASSIGN(const ShardIndex index, ParseIndex(json, index_path));
    FATHOM_TRY(directory.AddFiles(ShardsOf(index), progress));
    FATHOM_TRY(CompareWithIndex(directory, index, index_path));
  } else if (Exists(Join(path, kSingleFile))) {
    FATHOM_TRY(directory.AddFiles({std::string(kSingleFile)}, progress));
  } else {
    FATHOM_ASSIGN(const std::vector<std::string> names, ListShards(path));
    FATHOM_TRY(directory.AddFiles(names, progress));
  }
  return directory;
}

base::Status TensorDirectory::AddFiles(const std::vector<std::string>& names,
                                       const Progress& progress) {
  std::vector<uint64_t> sizes;
  for (const std::string& name : names) {
    FATHOM_ASSIGN(const uint64_t size, AddFile(Join(path_, name)));
    sizes.push_back(size);
  }
  const uint64_t bytes = std::accumulate(sizes.begin(), sizes.end(), uint64_t{0});
  uint64_t done = 0;
  for (size_t file = 0; file < sizes.size(); ++file) {
    FATHOM_ASSIGN(std::vector<TensorEntry> entries, ReadHeader(file));
    AddTensors(file, std::move(entries));
    done += sizes[file];
    if (progress) progress(done, bytes);
  }
  return IndexNames();
}

base::Result<uint64_t> TensorDirectory::AddFile(const std::string& path) {
  if (access_ == Access::kRead) {
    FATHOM_ASSIGN(base::OpenFile file, base::OpenFile::Open(path));
    open_files_.push_back(std::move(file));
    return open_files_.back().size();
  }
  FATHOM_ASSIGN(base::MappedFile file,
                base::MappedFile::Open(path, access_ == Access::kMappedAnew
                                                 ? base::MappedFile::Cached::kReadAnew
                                                 : base::MappedFile::Cached::kUsed));
  mapped_files_.push_back(std::move(file));
  return uint64_t{mapped_files_.back().bytes().size()};
}

base::Result<std::vector<TensorEntry>> TensorDirectory::ReadHeader(size_t index) const {
  if (access_ != Access::kRead)
    return ParseSafetensors(mapped_files_[index].bytes(), mapped_files_[index].path());
  const base::OpenFile& file = open_files_[index];
  std::vector<std::byte> header(std::min(file.size(), kLengthBytes));
  FATHOM_TRY(file.ReadAt(0, header));
  FATHOM_ASSIGN(const uint64_t header_bytes, HeaderBytes(header, file.size(), file.path()));
  header.resize(header_bytes);
  FATHOM_TRY(file.ReadAt(0, header));
  return ParseHeader(header, file.size(), file.path());
}

void TensorDirectory::AddTensors(size_t file, std::vector<TensorEntry> entries) {
  const std::byte* data = access_ != Access::kRead ? mapped_files_[file].bytes().data() : nullptr;
  for (TensorEntry& entry : entries) {
    total_bytes_ += entry.end - entry.begin;
    tensors_.push_back({.name = std::move(entry.name),
                        .view = {entry.dtype, std::move(entry.shape),
                                 data == nullptr ? nullptr : data + entry.begin},
                        .file = file,
                        .offset = entry.begin});
  }
}

const std::string& TensorDirectory::FileOf(const StoredTensor& tensor) const {
  return access_ != Access::kRead ? mapped_files_[tensor.file].path()
                                  : open_files_[tensor.file].path();
}

base::Status TensorDirectory::Read(const StoredTensor& tensor, std::span<std::byte> out) const {
  FATHOM_CHECK(out.size() <= tensor.bytes());
  if (access_ == Access::kRead) return open_files_[tensor.file].ReadAt(tensor.offset, out);
  if (!out.empty()) std::memcpy(out.data(), tensor.view.data, out.size());
  return {};
}

base::Status TensorDirectory::IndexNames() {
  by_name_.reserve(tensors_.size());
  for (size_t i = 0; i < tensors_.size(); ++i) {
    const auto [found, added] = by_name_.emplace(WithoutModelPrefix(tensors_[i].name), i);
    if (added) continue;
    const StoredTensor& first = tensors_[found->second];
    return base::MakeError("{}: tensor {} is also in {} (as {})", FileOf(tensors_[i]),
                           QuoteName(tensors_[i].name), FileOf(first), QuoteName(first.name));
  }
  return {};
}

const StoredTensor* TensorDirectory::Find(std::string_view name) const {
  const auto found = by_name_.find(WithoutModelPrefix(name));
  return found == by_name_.end() ? nullptr : &tensors_[found->second];
}

}  // namespace fathom::checkpoint
