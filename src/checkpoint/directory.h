// A checkpoint on disk: all tensors of all its files, found by name.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/file.h"
#include "base/open_file.h"
#include "base/result.h"
#include "checkpoint/progress.h"
#include "checkpoint/safetensors.h"
#include "tensor/tensor_view.h"

namespace fathom::checkpoint {

/// How tensors' data is reached.
enum class Access : uint8_t {
  kMapped,      ///< where the files are mapped
  kMappedAnew,  ///< the same, and what is in memory of them is read anew, in large pages
  kRead,        ///< by reading it: nothing is mapped
};

/// A tensor's name without the leading "model." that some converters write.
std::string_view WithoutModelPrefix(std::string_view name);

/// A tensor where it lies in a file.
struct StoredTensor {
  std::string name;         ///< as the file spells it
  tensor::TensorView view;  ///< without data if the access is kRead
  size_t file = 0;          ///< for TensorDirectory::FileOf
  uint64_t offset = 0;      ///< of its data, from the start of the file

  uint64_t bytes() const { return static_cast<uint64_t>(view.bytes()); }
};

/// The tensors of a directory of safetensors files. Movable; views stay valid while the object, or
/// what it was moved to, lives.
class TensorDirectory {
 public:
  /// Opens the files that model.safetensors.index.json names; without an index model.safetensors;
  /// without that every model-*.safetensors. Headers are checked, no data is read. With an index,
  /// index and shards must name the same tensors. `progress` counts the bytes of the opened files.
  static base::Result<TensorDirectory> Open(const std::string& directory,
                                            const Progress& progress = {},
                                            Access access = Access::kMapped);

  /// The tensor of that name, or null. A leading "model.", which some converters write, is ignored
  /// in both `name` and the stored name.
  const StoredTensor* Find(std::string_view name) const;

  /// All tensors: file by file, in the order of their data.
  std::span<const StoredTensor> tensors() const { return tensors_; }
  /// The path of the file that holds a tensor of this directory.
  const std::string& FileOf(const StoredTensor& tensor) const;
  const std::string& path() const { return path_; }
  Access access() const { return access_; }
  /// The files, to be read at StoredTensor::file and offset. REQUIRES: the access is kRead.
  std::span<const base::OpenFile> open_files() const { return open_files_; }
  /// Copies the first out.size() bytes of a tensor's data. REQUIRES: it has so many.
  base::Status Read(const StoredTensor& tensor, std::span<std::byte> out) const;
  /// Bytes of all tensors' data.
  uint64_t total_bytes() const { return total_bytes_; }

 private:
  TensorDirectory(std::string path, Access access) : path_(std::move(path)), access_(access) {}

  base::Status AddFiles(const std::vector<std::string>& names, const Progress& progress);
  base::Result<uint64_t> AddFile(const std::string& path);
  base::Result<std::vector<TensorEntry>> ReadHeader(size_t file) const;
  void AddTensors(size_t file, std::vector<TensorEntry> entries);
  base::Status IndexNames();

  std::string path_;
  Access access_;
  std::vector<base::MappedFile> mapped_files_;  // if the access is kMapped
  std::vector<base::OpenFile> open_files_;      // if it is kRead
  std::vector<StoredTensor> tensors_;
  std::unordered_map<std::string_view, size_t> by_name_;  // keys without "model.", in tensors_
  uint64_t total_bytes_ = 0;
};

}  // namespace fathom::checkpoint
