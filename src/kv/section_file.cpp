#include "kv/section_file.h"

#include <algorithm>
#include <array>

#include "kv/little_endian.h"

namespace fathom::kv {
namespace {

using base::Digest;
using base::MakeError;

// Line ends of both kinds: a copy that was taken for text does not begin like this.
constexpr std::array<char, 8> kMagic = {'F', 'A', 'T', 'H', 'O', 'M', '\r', '\n'};
constexpr size_t kHeaderBytes = kMagic.size() + 4 + 4 + 8;  // magic, version, sections, length
constexpr size_t kEntryBytes = 4 + 4 + 8 + sizeof(Digest);  // kind, index, length, checksum

uint64_t LengthOf(const Section& section) {
  uint64_t length = 0;
  for (const auto& piece : section.pieces) length += piece.size();
  return length;
}

Digest DigestOf(const Section& section) {
  base::DigestBuilder digest;
  for (const auto& piece : section.pieces) digest.Add(piece);
  return digest.Finish();
}

void PutDigest(const Digest& digest, std::vector<std::byte>* out) {
  out->insert(out->end(), digest.begin(), digest.end());
}

Digest TakeDigest(std::span<const std::byte>* bytes) {
  Digest digest;
  std::copy_n(bytes->begin(), digest.size(), digest.begin());
  *bytes = bytes->subspan(digest.size());
  return digest;
}

// Everything before the sections.
std::vector<std::byte> MakeHead(std::span<const Section> sections) {
  uint64_t length = kHeaderBytes + sections.size() * kEntryBytes + sizeof(Digest);
  for (const Section& section : sections) length += LengthOf(section);
  std::vector<std::byte> head;
  for (const char c : kMagic) head.push_back(static_cast<std::byte>(c));
  PutInteger(kSessionVersion, &head);
  PutInteger(static_cast<uint32_t>(sections.size()), &head);
  PutInteger(length, &head);
  for (const Section& section : sections) {
    PutInteger(section.name.kind, &head);
    PutInteger(section.name.index, &head);
    PutInteger(LengthOf(section), &head);
    PutDigest(DigestOf(section), &head);
  }
  PutDigest(base::ComputeDigest(head), &head);
  return head;
}

}  // namespace

base::Status WriteSections(std::span<const Section> sections, ByteSink sink) {
  FATHOM_TRY(sink(MakeHead(sections)));
  for (const Section& section : sections)
    for (const auto& piece : section.pieces) FATHOM_TRY(sink(piece));
  return {};
}

base::Result<SectionReader> SectionReader::Open(std::span<const std::byte> file,
                                                std::string source) {
  SectionReader reader(std::move(source));
  FATHOM_TRY(reader.ReadTable(file));
  return reader;
}

base::Status SectionReader::ReadTable(std::span<const std::byte> file) {
  const auto magic = std::as_bytes(std::span(kMagic));
  if (file.size() < kHeaderBytes || !std::equal(magic.begin(), magic.end(), file.begin()))
    return MakeError("{}: not a session file", source_);
  std::span<const std::byte> rest = file.subspan(magic.size());
  const auto version = TakeInteger<uint32_t>(&rest);
  if (version != kSessionVersion)
    return MakeError("{}: a session file of version {}; this program reads version {}", source_,
                     version, kSessionVersion);
  const auto count = TakeInteger<uint32_t>(&rest);
  const auto length = TakeInteger<uint64_t>(&rest);
  if (length != file.size())
    return MakeError("{}: damaged: {} bytes long, {} when it was written", source_, file.size(),
                     length);
  if (count > rest.size() / kEntryBytes || rest.size() - count * kEntryBytes < sizeof(Digest))
    return MakeError("{}: damaged: its table does not fit into it", source_);
  const size_t head_bytes = kHeaderBytes + count * kEntryBytes;
  std::span<const std::byte> data = file.subspan(head_bytes);
  if (TakeDigest(&data) != base::ComputeDigest(file.first(head_bytes)))
    return MakeError("{}: damaged: its table does not match its checksum", source_);

  entries_.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    Entry entry;
    entry.name.kind = TakeInteger<uint32_t>(&rest);
    entry.name.index = TakeInteger<uint32_t>(&rest);
    const auto bytes = TakeInteger<uint64_t>(&rest);
    entry.digest = TakeDigest(&rest);
    if (bytes > data.size())
      return MakeError("{}: damaged: its sections do not fit into it", source_);
    entry.bytes = data.first(bytes);
    data = data.subspan(bytes);
    entries_.push_back(entry);
  }
  if (!data.empty()) return MakeError("{}: damaged: bytes that belong to no section", source_);
  return {};
}

base::Result<std::span<const std::byte>> SectionReader::Next(SectionName name) {
  if (next_ == entries_.size() || entries_[next_].name != name)
    return MakeError("{}: damaged: section {} is not {}.{}", source_, next_, name.kind, name.index);
  const Entry& entry = entries_[next_];
  if (base::ComputeDigest(entry.bytes) != entry.digest)
    return MakeError("{}: damaged: section {} does not match its checksum", source_, next_);
  ++next_;
  return entry.bytes;
}

}  // namespace fathom::kv
