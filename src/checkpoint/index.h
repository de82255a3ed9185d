// model.safetensors.index.json: which shard holds which tensor.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace fathom::checkpoint {

/// The name of the index within a checkpoint's directory.
constexpr std::string_view kIndexFile = "model.safetensors.index.json";

struct ShardIndex {
  struct Entry {
    std::string tensor;
    std::string file;  ///< a plain file name: no path, so that an index cannot reach other folders
  };
  std::vector<Entry> entries;  ///< in the order of the tensors' names, each once
};

/// Reads the text of an index. Errors name `path` and the tensor.
base::Result<ShardIndex> ParseIndex(std::string_view json, const std::string& path);

/// The text of an index whose shards hold `total_bytes` of tensor data.
std::string FormatIndex(const ShardIndex& index, uint64_t total_bytes);

}  // namespace fathom::checkpoint
