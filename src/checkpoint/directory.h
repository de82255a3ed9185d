// A checkpoint on disk: all tensors of all its files, mapped and found by name.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "checkpoint/progress.h"
#include "tensor/tensor_view.h"

namespace fathom::checkpoint {

/// A tensor where it lies in a mapped file.
struct StoredTensor {
  std::string name;  ///< as the file spells it
  tensor::TensorView view;
  size_t file = 0;  ///< for TensorDirectory::FileOf
};

/// The tensors of a directory of safetensors files. Movable; views stay valid while the object, or
/// what it was moved to, lives.
class TensorDirectory {
 public:
  /// Maps the files that model.safetensors.index.json names; without an index model.safetensors;
  /// without that every model-*.safetensors. Headers are checked, no data is read. With an index,
  /// index and shards must name the same tensors. `progress` counts the bytes of the opened files.
  static base::Result<TensorDirectory> Open(const std::string& directory,
                                            const Progress& progress = {});

  /// The tensor of that name, or null. A leading "model.", which some converters write, is ignored
  /// in both `name` and the stored name.
  const StoredTensor* Find(std::string_view name) const;

  /// All tensors: file by file, in the order of their data.
  std::span<const StoredTensor> tensors() const { return tensors_; }
  /// The path of the file that holds a tensor of this directory.
  const std::string& FileOf(const StoredTensor& tensor) const { return files_[tensor.file].path(); }
  const std::string& path() const { return path_; }
  /// Bytes of all tensors' data.
  uint64_t total_bytes() const { return total_bytes_; }

 private:
  explicit TensorDirectory(std::string path) : path_(std::move(path)) {}

  base::Status AddFiles(const std::vector<std::string>& names, const Progress& progress);
  base::Status AddTensors(size_t file);
  base::Status IndexNames();

  std::string path_;
  std::vector<base::MappedFile> files_;
  std::vector<StoredTensor> tensors_;
  std::unordered_map<std::string_view, size_t> by_name_;  // keys without "model.", in tensors_
  uint64_t total_bytes_ = 0;
};

}  // namespace fathom::checkpoint
