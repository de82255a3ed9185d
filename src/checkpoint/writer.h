// Writing checkpoints of any size in little memory: what the tensors are is said first, then their
// data follows in pieces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "base/result.h"
#include "checkpoint/index.h"
#include "tensor/tensor_view.h"

namespace fathom::checkpoint {

/// What a tensor is, before its data exists.
struct TensorSpec {
  std::string name;
  tensor::DType dtype = tensor::DType::kF32;
  tensor::Shape shape;

  uint64_t bytes() const {
    return static_cast<uint64_t>(tensor::ElementCount(shape) * tensor::SizeOf(dtype));
  }
};

/// Writes one safetensors file, front to back. The file appears under its name at Commit; an
/// object destroyed earlier leaves nothing behind.
class SafetensorsWriter {
 public:
  /// Writes the header of `tensors`, whose data lies in this order. REQUIRES: distinct names.
  static base::Result<SafetensorsWriter> Create(const std::string& path,
                                                std::span<const TensorSpec> tensors);

  /// Appends data; pieces need not begin or end where tensors do. REQUIRES: no more than declared.
  base::Status Append(std::span<const std::byte> data);
  /// As AtomicFile::Commit. REQUIRES: all declared data was appended.
  base::Status Commit();

  /// Declared bytes that are still to be appended.
  uint64_t remaining_bytes() const { return remaining_bytes_; }

 private:
  SafetensorsWriter(base::AtomicFile file, uint64_t bytes)
      : file_(std::move(file)), remaining_bytes_(bytes) {}

  base::AtomicFile file_;
  uint64_t remaining_bytes_;
};

/// A tensor in memory and the name to store it under.
struct NamedTensor {
  std::string name;
  tensor::TensorView view;
};

/// Writes a file of tensors that are all in memory. REQUIRES: distinct names.
base::Status WriteSafetensors(const std::string& path, std::span<const NamedTensor> tensors);

struct ShardedWriterOptions {
  /// A shard is begun when the next tensor would not fit. A larger tensor has a shard of its own.
  uint64_t max_shard_bytes = uint64_t{4} << 30;
};

/// Writes a directory of shards model-NNNNN-of-NNNNN.safetensors and their index. Everything gets
/// its name in Finish, the index last; an object destroyed earlier leaves nothing behind.
class ShardedWriter {
 public:
  /// Creates the directory if need be. Data is appended in the order of `tensors`. REQUIRES:
  /// distinct names.
  static base::Result<ShardedWriter> Create(const std::string& directory,
                                            std::vector<TensorSpec> tensors,
                                            const ShardedWriterOptions& options = {});

  /// As SafetensorsWriter::Append; pieces may cross shards.
  base::Status Append(std::span<const std::byte> data);
  /// Ends the last shard and gives all files their names. REQUIRES: all data was appended.
  base::Status Finish();

  uint64_t total_bytes() const { return total_bytes_; }

 private:
  explicit ShardedWriter(std::string directory) : directory_(std::move(directory)) {}

  void PlanShards(const ShardedWriterOptions& options);
  std::string ShardName(size_t shard) const;
  base::Status BeginShard();

  std::string directory_;
  std::vector<TensorSpec> tensors_;
  std::vector<size_t> shard_begins_;       // the first tensor of each shard, then tensors_.size()
  std::vector<SafetensorsWriter> shards_;  // those begun; all but the last are full
  uint64_t total_bytes_ = 0;
};

}  // namespace fathom::checkpoint
