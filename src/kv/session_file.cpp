#include "kv/session_file.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "kv/little_endian.h"

namespace fathom::kv {
namespace {

using base::MakeError;
using Bytes = std::span<const std::byte>;

// Kinds of sections, in their order in the file.
constexpr uint32_t kLayout = 1;
constexpr uint32_t kTokens = 2;
constexpr uint32_t kNote = 3;
constexpr uint32_t kRows = 4;
constexpr uint32_t kIndexTiles = 5;
constexpr uint32_t kSnapshot = 6;
constexpr uint32_t kParent = 7;  // after kLayout

struct Lengths {
  uint64_t main = 0;
  uint64_t mtp = 0;
};
constexpr size_t kLengthsBytes = 16;

void PutLengths(int64_t length, int64_t mtp_length, std::vector<std::byte>* out) {
  PutInteger(static_cast<uint64_t>(length), out);
  PutInteger(static_cast<uint64_t>(mtp_length), out);
}

Lengths TakeLengths(Bytes* bytes) {
  Lengths lengths;
  lengths.main = TakeInteger<uint64_t>(bytes);
  lengths.mtp = TakeInteger<uint64_t>(bytes);
  return lengths;
}

// What the bytes of the other sections mean. Record sizes stand here too, so that a file of another
// packing is told apart.
std::vector<std::byte> DescribeLayers(const SequenceCache& cache) {
  std::vector<std::byte> out;
  const auto put = [&](int64_t value) { PutInteger(static_cast<uint32_t>(value), &out); };
  put(cache.main_layers());
  put(cache.layer_count());
  for (int64_t l = 0; l < cache.layer_count(); ++l) {
    const LayerShape& shape = cache.layer(l).shape;
    put(shape.row.head_dim);
    put(shape.row.rope_dim);
    put(shape.row.row_bytes());
    put(shape.window);
    put(shape.compress_ratio);
    put(shape.overlapped ? 1 : 0);
    put(shape.index_dim);
    put(numerics::IndexKeyLayout{shape.index_dim}.tile_bytes());
  }
  return out;
}

// Calls visit(Bytes) for each run of records that lie together, from record `first` on.
template <typename Records, typename Visit>
void VisitPages(Records& records, int64_t first, Visit&& visit) {
  while (first < records.size()) {
    const int64_t page_end = (first / records.records_per_page() + 1) * records.records_per_page();
    const int64_t count = std::min(page_end, records.size()) - first;
    visit(std::span(records.record(first), static_cast<size_t>(count * records.record_bytes())));
    first += count;
  }
}

Section RecordsSection(SectionName name, const PagedRecords& records, int64_t first) {
  Section section{name, {}};
  VisitPages(records, first, [&](Bytes page) { section.Add(page); });
  return section;
}

// The first tile that a session writes that goes on from `length` tokens: the last one of those may
// have got more keys.
int64_t FirstTile(const LayerShape& shape, int64_t length) {
  return shape.RowCount(length) / numerics::kIndexTile;
}

class SessionReader {
 public:
  SessionReader(SectionReader sections, const SessionModel& model, const SequenceCache& like)
      : sections_(std::move(sections)), model_(model), layers_(DescribeLayers(like)) {}

  base::Status ReadHead();
  SessionHead TakeHead() { return std::move(head_); }
  base::Result<Session> Read(Session parent, SessionPart part);

 private:
  base::Status ReadLayout();
  base::Status ReadParent();
  base::Status ReadTokens();
  base::Status TakeParent(Session parent);
  base::Status ReadRecords(SectionName name, PagedRecords& records, int64_t first, int64_t end);
  base::Status ReadLayer(int64_t layer);
  base::Status ReadSnapshot(uint32_t index);
  base::Status CheckUnusedKeys(int64_t layer) const;

  template <typename... Args>
  base::Error Damaged(fmt::format_string<Args...> format, Args&&... args) const {
    return MakeError("{}: damaged: {}", sections_.source(),
                     fmt::format(format, std::forward<Args>(args)...));
  }

  SectionReader sections_;
  const SessionModel& model_;
  std::vector<std::byte> layers_;
  SessionHead head_;
  Lengths lengths_;
  Lengths parent_;  // 0 without one
  uint32_t snapshot_count_ = 0;
  std::optional<Session> result_;
  // The last index tile of each layer as the file has it.
  std::vector<Bytes> last_tiles_;
};

base::Status SessionReader::ReadHead() {
  FATHOM_TRY(ReadLayout());
  FATHOM_TRY(ReadParent());
  FATHOM_TRY(ReadTokens());
  head_.mtp_length = static_cast<int64_t>(lengths_.mtp);
  return {};
}

base::Result<Session> SessionReader::Read(Session parent, SessionPart part) {
  FATHOM_TRY(ReadHead());
  FATHOM_TRY(TakeParent(std::move(parent)));
  Session& session = *result_;
  session.tokens.insert(session.tokens.end(), head_.tokens.begin(), head_.tokens.end());
  FATHOM_ASSIGN(const Bytes note, sections_.Next({kNote, 0}));
  session.note.assign(reinterpret_cast<const char*>(note.data()), note.size());
  for (int64_t l = 0; l < session.cache.layer_count(); ++l) FATHOM_TRY(ReadLayer(l));
  if (part == SessionPart::kRows) return std::move(session);
  for (uint32_t i = 0; i < snapshot_count_; ++i) FATHOM_TRY(ReadSnapshot(i));
  if (sections_.remaining() > 0) return Damaged("sections that belong to nothing");
  session.cache.Restore(*session.snapshots.back());
  for (int64_t l = 0; l < session.cache.layer_count(); ++l) FATHOM_TRY(CheckUnusedKeys(l));
  return std::move(session);
}

base::Status SessionReader::ReadLayout() {
  FATHOM_ASSIGN(Bytes bytes, sections_.Next({kLayout, 0}));
  const auto& fingerprint = model_.fingerprint;
  if (bytes.size() < fingerprint.size() + kLengthsBytes + 4) return Damaged("no layout");
  if (!std::equal(fingerprint.begin(), fingerprint.end(), bytes.begin()))
    return MakeError("{}: belongs to another checkpoint", sections_.source());
  bytes = bytes.subspan(fingerprint.size());
  lengths_ = TakeLengths(&bytes);
  snapshot_count_ = TakeInteger<uint32_t>(&bytes);
  if (!std::equal(bytes.begin(), bytes.end(), layers_.begin(), layers_.end()))
    return Damaged("its layers are not those of the model");
  if (lengths_.mtp > lengths_.main) return Damaged("the MTP layers are ahead of the others");
  if (snapshot_count_ == 0 || snapshot_count_ > sections_.remaining())
    return Damaged("{} positions in {} sections", snapshot_count_, sections_.remaining());
  return {};
}

base::Status SessionReader::ReadParent() {
  if (!sections_.NextIs({kParent, 0})) return {};
  FATHOM_ASSIGN(Bytes bytes, sections_.Next({kParent, 0}));
  SessionParent parent;
  if (bytes.size() != parent.id.size() + kLengthsBytes) return Damaged("no parent");
  std::copy_n(bytes.begin(), parent.id.size(), parent.id.begin());
  bytes = bytes.subspan(parent.id.size());
  parent_ = TakeLengths(&bytes);
  if (parent_.main == 0 || parent_.main >= lengths_.main || parent_.mtp > parent_.main ||
      parent_.mtp > lengths_.mtp)
    return Damaged("it does not go on from its parent");
  parent.length = static_cast<int64_t>(parent_.main);
  parent.mtp_length = static_cast<int64_t>(parent_.mtp);
  head_.parent = parent;
  return {};
}

base::Status SessionReader::ReadTokens() {
  FATHOM_ASSIGN(const Bytes bytes, sections_.Next({kTokens, 0}));
  const uint64_t count = lengths_.main - parent_.main;
  if (bytes.size() % sizeof(int32_t) != 0 || bytes.size() / sizeof(int32_t) != count)
    return Damaged("{} bytes of token ids for a length of {}", bytes.size(), count);
  std::vector<int32_t>& tokens = head_.tokens;
  tokens.resize(bytes.size() / sizeof(int32_t));
  if (!tokens.empty()) std::memcpy(tokens.data(), bytes.data(), bytes.size());
  const auto wrong =
      std::ranges::find_if(tokens, [&](int32_t id) { return id < 0 || id >= model_.vocab_size; });
  if (wrong == tokens.end()) return {};
  return Damaged("token {} is {}, which is not in the vocabulary", wrong - tokens.begin(), *wrong);
}

base::Status SessionReader::TakeParent(Session parent) {
  if (parent.tokens.size() != parent_.main)
    return MakeError("{}: goes on from {} tokens of another file", sections_.source(),
                     parent_.main);
  parent.snapshots.clear();
  result_ = std::move(parent);
  return {};
}

base::Status SessionReader::ReadLayer(int64_t layer) {
  LayerCache& cache = result_->cache.layer(layer);
  const LayerShape& shape = cache.shape;
  const auto index = static_cast<uint32_t>(layer);
  const bool is_main = layer < result_->cache.main_layers();
  const auto length = static_cast<int64_t>(is_main ? lengths_.main : lengths_.mtp);
  const auto first = static_cast<int64_t>(is_main ? parent_.main : parent_.mtp);
  if (shape.compress_ratio > 0)
    FATHOM_TRY(
        ReadRecords({kRows, index}, cache.rows, shape.RowCount(first), shape.RowCount(length)));
  last_tiles_.emplace_back();
  if (shape.index_dim == 0) return {};
  return ReadRecords({kIndexTiles, index}, cache.index_tiles, FirstTile(shape, first),
                     shape.TileCount(length));
}

base::Status SessionReader::ReadRecords(SectionName name, PagedRecords& records, int64_t first,
                                        int64_t end) {
  FATHOM_ASSIGN(Bytes bytes, sections_.Next(name));
  // There are at most as many as tokens, which the file was long enough to hold.
  if (bytes.size() != static_cast<uint64_t>((end - first) * records.record_bytes()))
    return Damaged("{} bytes for {} records of layer {}", bytes.size(), end - first, name.index);
  if (records.size() < first) return Damaged("its parent lacks records of layer {}", name.index);
  if (name.kind == kIndexTiles && end > first)
    last_tiles_.back() = bytes.last(static_cast<size_t>(records.record_bytes()));
  records.Truncate(first);
  records.Append(end - first);
  VisitPages(records, first, [&](std::span<std::byte> page) {
    std::memcpy(page.data(), bytes.data(), page.size());
    bytes = bytes.subspan(page.size());
  });
  return {};
}

base::Status SessionReader::ReadSnapshot(uint32_t index) {
  FATHOM_ASSIGN(Bytes bytes, sections_.Next({kSnapshot, index}));
  if (bytes.size() < kLengthsBytes) return Damaged("position {} has no length", index);
  const Lengths lengths = TakeLengths(&bytes);
  const auto& earlier = result_->snapshots;
  const bool is_last = index + 1 == snapshot_count_;
  const Lengths before = earlier.empty()
                             ? parent_
                             : Lengths{static_cast<uint64_t>(earlier.back()->length),
                                       static_cast<uint64_t>(earlier.back()->mtp_length)};
  const bool is_first = earlier.empty() && !head_.parent;
  const bool in_order = is_first || (lengths.main > before.main && lengths.mtp >= before.mtp);
  const bool fits = is_last ? lengths.main == lengths_.main && lengths.mtp == lengths_.mtp
                            : lengths.main < lengths_.main && lengths.mtp <= lengths_.mtp;
  if (!in_order || !fits || lengths.mtp > lengths.main)
    return Damaged("position {} is out of order", index);
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->length = static_cast<int64_t>(lengths.main);
  snapshot->mtp_length = static_cast<int64_t>(lengths.mtp);
  const int64_t wanted = result_->cache.SnapshotBytes(snapshot->length, snapshot->mtp_length);
  if (std::ssize(bytes) != wanted)
    return Damaged("position {} has {} bytes of state instead of {}", index, bytes.size(), wanted);
  snapshot->state.assign(bytes.begin(), bytes.end());
  snapshot->metered = MeteredBytes(result_->cache.meter(), snapshot->bytes());
  if (!result_->cache.HasFiniteProjections(*snapshot))
    return Damaged("position {} holds a projection that is NaN or infinite", index);
  result_->snapshots.push_back(std::move(snapshot));
  return {};
}

// Restoring a position makes the unused keys of the last tile zero, as they were when it was saved.
base::Status SessionReader::CheckUnusedKeys(int64_t layer) const {
  const Bytes tile = last_tiles_[static_cast<size_t>(layer)];
  if (tile.empty()) return {};
  const PagedRecords& tiles = result_->cache.layer(layer).index_tiles;
  if (std::memcmp(tiles.record(tiles.size() - 1), tile.data(), tile.size()) == 0) return {};
  return Damaged("the last tile of layer {} holds keys that are not there yet", layer);
}

}  // namespace

base::Status WriteSession(const SessionView& session, ByteSink sink) {
  const SequenceCache& cache = session.cache;
  FATHOM_CHECK(std::ssize(session.tokens) == cache.length());
  FATHOM_CHECK(!session.snapshots.empty() && session.snapshots.back()->length == cache.length());
  std::vector<std::byte> layout(session.fingerprint.begin(), session.fingerprint.end());
  PutLengths(cache.length(), cache.mtp_length(), &layout);
  PutInteger(static_cast<uint32_t>(session.snapshots.size()), &layout);
  const std::vector<std::byte> layers = DescribeLayers(cache);

  const SessionParent parent = session.parent.value_or(SessionParent());
  FATHOM_CHECK(!session.parent || (parent.length > 0 && parent.length < cache.length()));
  std::vector<std::byte> parent_bytes(parent.id.begin(), parent.id.end());
  PutLengths(parent.length, parent.mtp_length, &parent_bytes);

  std::vector<Section> sections;
  sections.push_back({{kLayout, 0}, {layout, layers}});
  if (session.parent) sections.push_back({{kParent, 0}, {parent_bytes}});
  const auto tokens = session.tokens.subspan(static_cast<size_t>(parent.length));
  sections.push_back({{kTokens, 0}, {std::as_bytes(tokens)}});
  sections.push_back({{kNote, 0}, {std::as_bytes(std::span(session.note))}});
  for (int64_t l = 0; l < cache.layer_count(); ++l) {
    const LayerCache& layer = cache.layer(l);
    const auto index = static_cast<uint32_t>(l);
    const int64_t first = l < cache.main_layers() ? parent.length : parent.mtp_length;
    if (layer.shape.compress_ratio > 0)
      sections.push_back(RecordsSection({kRows, index}, layer.rows, layer.shape.RowCount(first)));
    if (layer.shape.index_dim > 0)
      sections.push_back(
          RecordsSection({kIndexTiles, index}, layer.index_tiles, FirstTile(layer.shape, first)));
  }
  std::vector<std::vector<std::byte>> heads(session.snapshots.size());
  for (size_t i = 0; i < heads.size(); ++i) {
    const Snapshot& snapshot = *session.snapshots[i];
    PutLengths(snapshot.length, snapshot.mtp_length, &heads[i]);
    sections.push_back({{kSnapshot, static_cast<uint32_t>(i)}, {heads[i], snapshot.state}});
  }
  return WriteSections(sections, sink);
}

base::Result<Session> ReadSession(std::span<const std::byte> file, const std::string& source,
                                  const SessionModel& model, Session parent, SessionPart part) {
  FATHOM_ASSIGN(SectionReader sections, SectionReader::Open(file, source));
  SessionReader reader(std::move(sections), model, parent.cache);
  return reader.Read(std::move(parent), part);
}

base::Result<SessionHead> ReadSessionHead(std::span<const std::byte> file,
                                          const std::string& source, const SessionModel& model,
                                          const SequenceCache& empty) {
  FATHOM_ASSIGN(SectionReader sections, SectionReader::Open(file, source));
  SessionReader reader(std::move(sections), model, empty);
  FATHOM_TRY(reader.ReadHead());
  return reader.TakeHead();
}

}  // namespace fathom::kv
