// The envelope of a session file: sections, each under a checksum, behind a table under its own.
// docs/formats/session.md has the bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/function_ref.h"
#include "base/result.h"

namespace fathom::kv {

/// The version of the format, of the envelope and of what the sections hold. It grows whenever a
/// byte changes its meaning.
inline constexpr uint32_t kSessionVersion = 1;

/// What a section is: its kind, and which of that kind.
struct SectionName {
  uint32_t kind = 0;
  uint32_t index = 0;

  bool operator==(const SectionName&) const = default;
};

/// A section to write: its bytes, in pieces that are written one after the other.
struct Section {
  SectionName name;
  std::vector<std::span<const std::byte>> pieces;

  void Add(std::span<const std::byte> piece) { pieces.push_back(piece); }
};

using ByteSink = base::FunctionRef<base::Status(std::span<const std::byte>)>;

/// Writes a file front to back. Passes over all bytes twice: the checksums stand before them. Stops
/// at the first error of `sink`, and returns it.
base::Status WriteSections(std::span<const Section> sections, ByteSink sink);

/// Reads the sections of a file in their order.
class SectionReader {
 public:
  /// Checks magic, version, length and table. `file` must outlive the reader; errors name `source`.
  static base::Result<SectionReader> Open(std::span<const std::byte> file, std::string source);

  /// Sections that are still to be read.
  size_t remaining() const { return entries_.size() - next_; }
  const std::string& source() const { return source_; }

  /// Whether there is a next section of that name.
  bool NextIs(SectionName name) const {
    return next_ < entries_.size() && entries_[next_].name == name;
  }

  /// The bytes of the next section, which must be `name` and match its checksum.
  base::Result<std::span<const std::byte>> Next(SectionName name);

 private:
  struct Entry {
    SectionName name;
    std::span<const std::byte> bytes;
    base::Digest digest;
  };

  explicit SectionReader(std::string source) : source_(std::move(source)) {}

  base::Status ReadTable(std::span<const std::byte> file);

  std::string source_;
  std::vector<Entry> entries_;
  size_t next_ = 0;
};

}  // namespace fathom::kv
