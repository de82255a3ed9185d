// Session files that lie: for tests and fuzzing, which cannot guess checksums.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "base/digest.h"

namespace fathom::kv {

inline constexpr size_t kTestHeaderBytes = 24;
inline constexpr size_t kTestEntryBytes = 32;

template <typename T>
T LoadAt(std::span<const std::byte> file, size_t offset) {
  T value;
  std::memcpy(&value, file.data() + offset, sizeof value);
  return value;
}

template <typename T>
void StoreAt(std::vector<std::byte>* file, size_t offset, T value) {
  std::memcpy(file->data() + offset, &value, sizeof value);
}

/// Where the sections of a file begin, and where the last one ends, as far as its table can be
/// believed.
inline std::vector<size_t> FindSections(std::span<const std::byte> file) {
  if (file.size() < kTestHeaderBytes + sizeof(base::Digest)) return {};
  const size_t room = (file.size() - kTestHeaderBytes - sizeof(base::Digest)) / kTestEntryBytes;
  const size_t count = std::min<size_t>(LoadAt<uint32_t>(file, 12), room);
  std::vector<size_t> begins = {kTestHeaderBytes + count * kTestEntryBytes + sizeof(base::Digest)};
  for (size_t i = 0; i < count; ++i) {
    const auto length = LoadAt<uint64_t>(file, kTestHeaderBytes + i * kTestEntryBytes + 8);
    if (length > file.size() - begins.back()) break;
    begins.push_back(begins.back() + length);
  }
  return begins;
}

/// Makes the file's length and checksums agree with its bytes, as far as it has a table.
inline void RepairChecksums(std::vector<std::byte>* file) {
  const std::vector<size_t> begins = FindSections(*file);
  if (begins.empty()) return;
  StoreAt<uint64_t>(file, 16, file->size());
  for (size_t i = 0; i + 1 < begins.size(); ++i) {
    const auto section = std::span(*file).subspan(begins[i], begins[i + 1] - begins[i]);
    StoreAt(file, kTestHeaderBytes + i * kTestEntryBytes + 16, base::ComputeDigest(section));
  }
  const size_t table_end = begins[0] - sizeof(base::Digest);
  StoreAt(file, table_end, base::ComputeDigest(std::span(*file).first(table_end)));
}

}  // namespace fathom::kv
