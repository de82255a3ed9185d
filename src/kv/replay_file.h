// A replay map that outlives its process.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "kv/replay_map.h"

namespace fathom::kv {

struct ReplayFileOptions {
  /// Its directory exists. One process at a time (EngineOptions::kv_directory is locked).
  std::string path;
  /// What the tokens belong to, such as the digest of tokenizer.json: a file of another identity is
  /// begun anew.
  std::string identity;
  /// Most bytes that the map takes. The file takes at most twice as much and a megabyte.
  int64_t limit_bytes = int64_t{64} << 20;
};

/// Every answer is appended to the file when it is remembered, so that it is there however the
/// process ends. What follows the first record that is not whole is cut off when it is opened.
class ReplayFile {
 public:
  /// Reads the file if there is one. Fails if it cannot be read or written.
  static base::Result<std::unique_ptr<ReplayFile>> Open(ReplayFileOptions options);

  ReplayFile(const ReplayFile&) = delete;
  ReplayFile& operator=(const ReplayFile&) = delete;
  ~ReplayFile();

  const ReplayMap& map() const { return map_; }

  /// As ReplayMap::Remember. If the file cannot be written, that is the error, and the answer is
  /// remembered until the process ends.
  base::Status Remember(ReplayMap::Answer answer);
  /// As ReplayMap::Find.
  std::optional<std::vector<int32_t>> Find(std::span<const std::string> keys) {
    return map_.Find(keys);
  }

 private:
  explicit ReplayFile(ReplayFileOptions options)
      : options_(std::move(options)), map_(options_.limit_bytes) {}

  /// Returns whether there is a file of this identity; file_bytes_ are those of its whole records.
  base::Result<bool> Read();
  base::Status OpenForAppending();
  base::Status Rewrite();
  base::Status Append(const std::string& record);
  std::string MakeHead() const;

  ReplayFileOptions options_;
  ReplayMap map_;
  int fd_ = -1;
  int64_t file_bytes_ = 0;
};

}  // namespace fathom::kv
