#include "checkpoint/writer.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <unordered_set>

#include "base/file.h"
#include "checkpoint/json_events.h"

namespace fathom::checkpoint {
namespace {

bool HaveDistinctNames(std::span<const TensorSpec> tensors) {
  std::unordered_set<std::string_view> names;
  return std::ranges::all_of(
      tensors, [&](const TensorSpec& tensor) { return names.insert(tensor.name).second; });
}

uint64_t BytesOf(std::span<const TensorSpec> tensors) {
  uint64_t bytes = 0;
  for (const TensorSpec& tensor : tensors) bytes += tensor.bytes();
  return bytes;
}

// The length and the JSON. "format" is what Python libraries ask for before they read a file.
// Spaces at the end let the data begin on a cache line.
std::string FormatHeader(std::span<const TensorSpec> tensors) {
  constexpr size_t kLengthBytes = 8;
  constexpr size_t kAlignment = 64;
  std::string header(kLengthBytes, '\0');
  header += R"({"__metadata__":{"format":"pt"})";
  uint64_t offset = 0;
  for (const TensorSpec& tensor : tensors) {
    const uint64_t end = offset + tensor.bytes();
    header += fmt::format(R"(,{}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})",
                          PrintJsonString(tensor.name), tensor::NameOf(tensor.dtype),
                          fmt::join(tensor.shape, ","), offset, end);
    offset = end;
  }
  header += '}';
  header.append((kAlignment - header.size() % kAlignment) % kAlignment, ' ');
  const uint64_t length = header.size() - kLengthBytes;
  for (size_t i = 0; i < kLengthBytes; ++i) header[i] = static_cast<char>(length >> (8 * i));
  return header;
}

}  // namespace

base::Result<SafetensorsWriter> SafetensorsWriter::Create(const std::string& path,
                                                          std::span<const TensorSpec> tensors) {
  FATHOM_CHECK(HaveDistinctNames(tensors));
  FATHOM_ASSIGN(base::AtomicFile file, base::AtomicFile::Create(path));
  FATHOM_TRY(file.Write(FormatHeader(tensors)));
  return SafetensorsWriter(std::move(file), BytesOf(tensors));
}

base::Status SafetensorsWriter::Append(std::span<const std::byte> data) {
  FATHOM_CHECK(data.size() <= remaining_bytes_);
  remaining_bytes_ -= data.size();
  return file_.Write(data);
}

base::Status SafetensorsWriter::Commit() {
  FATHOM_CHECK(remaining_bytes_ == 0);
  return file_.Commit();
}

base::Status WriteSafetensors(const std::string& path, std::span<const NamedTensor> tensors) {
  std::vector<TensorSpec> specs;
  for (const auto& [name, view] : tensors) specs.push_back({name, view.dtype, view.shape});
  FATHOM_ASSIGN(SafetensorsWriter writer, SafetensorsWriter::Create(path, specs));
  for (const auto& [name, view] : tensors)
    FATHOM_TRY(writer.Append({view.data, static_cast<size_t>(view.bytes())}));
  return writer.Commit();
}

base::Result<ShardedWriter> ShardedWriter::Create(const std::string& directory,
                                                  std::vector<TensorSpec> tensors,
                                                  const ShardedWriterOptions& options) {
  FATHOM_CHECK(HaveDistinctNames(tensors));
  FATHOM_TRY(base::MakeDirectories(directory));
  ShardedWriter writer(directory);
  writer.tensors_ = std::move(tensors);
  writer.total_bytes_ = BytesOf(writer.tensors_);
  writer.PlanShards(options);
  FATHOM_TRY(writer.BeginShard());
  return writer;
}

void ShardedWriter::PlanShards(const ShardedWriterOptions& options) {
  shard_begins_ = {0};
  uint64_t bytes = 0;
  for (size_t i = 0; i < tensors_.size(); ++i) {
    const uint64_t next = tensors_[i].bytes();
    if (i > shard_begins_.back() && bytes + next > options.max_shard_bytes) {
      shard_begins_.push_back(i);
      bytes = 0;
    }
    bytes += next;
  }
  shard_begins_.push_back(tensors_.size());
}

std::string ShardedWriter::ShardName(size_t shard) const {
  return fmt::format("model-{:05}-of-{:05}.safetensors", shard + 1, shard_begins_.size() - 1);
}

base::Status ShardedWriter::BeginShard() {
  const size_t shard = shards_.size();
  const std::span<const TensorSpec> tensors(tensors_.begin() + shard_begins_[shard],
                                            tensors_.begin() + shard_begins_[shard + 1]);
  FATHOM_ASSIGN(SafetensorsWriter writer,
                SafetensorsWriter::Create(directory_ + "/" + ShardName(shard), tensors));
  shards_.push_back(std::move(writer));
  return {};
}

base::Status ShardedWriter::Append(std::span<const std::byte> data) {
  while (!data.empty()) {
    if (shards_.back().remaining_bytes() == 0) {
      FATHOM_CHECK(shards_.size() + 1 < shard_begins_.size());
      FATHOM_TRY(BeginShard());
      continue;
    }
    const size_t piece = std::min<uint64_t>(data.size(), shards_.back().remaining_bytes());
    FATHOM_TRY(shards_.back().Append(data.first(piece)));
    data = data.subspan(piece);
  }
  return {};
}

base::Status ShardedWriter::Finish() {
  // Shards of empty tensors only are never reached by data.
  while (shards_.size() + 1 < shard_begins_.size()) FATHOM_TRY(BeginShard());

  // An older index would mix old and new shards if naming them stopped half-way.
  const std::string index_path = fmt::format("{}/{}", directory_, kIndexFile);
  std::error_code code;
  std::filesystem::remove(index_path, code);
  if (code) return base::MakeError("{}: cannot remove it: {}", index_path, code.message());
  ShardIndex index;
  for (size_t shard = 0; shard < shards_.size(); ++shard) {
    FATHOM_TRY(shards_[shard].Commit());
    for (size_t i = shard_begins_[shard]; i < shard_begins_[shard + 1]; ++i)
      index.entries.push_back({tensors_[i].name, ShardName(shard)});
  }
  return base::ReplaceFile(index_path, FormatIndex(index, total_bytes_));
}

}  // namespace fathom::checkpoint
