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

// Calls visit(Bytes) for each run of records that lie together.
template <typename Records, typename Visit>
void VisitPages(Records& records, Visit&& visit) {
  for (int64_t first = 0; first < records.size(); first += records.records_per_page()) {
    const int64_t count = std::min(records.records_per_page(), records.size() - first);
    visit(std::span(records.record(first), static_cast<size_t>(count * records.record_bytes())));
  }
}

Section RecordsSection(uint32_t kind, int64_t layer, const PagedRecords& records) {
  Section section{{kind, static_cast<uint32_t>(layer)}, {}};
  VisitPages(records, [&](Bytes page) { section.Add(page); });
  return section;
}

class SessionReader {
 public:
  SessionReader(SectionReader sections, const SessionModel& model, SequenceCache empty)
      : sections_(std::move(sections)), model_(model), session_{std::move(empty), {}, {}, {}} {}

  base::Result<Session> Read();

 private:
  base::Status ReadLayout();
  base::Status ReadTokens();
  base::Status ReadRecords(SectionName name, PagedRecords& records, int64_t count);
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
  Session session_;
  Lengths lengths_;
  uint32_t snapshot_count_ = 0;
  // The last index tile of each layer as the file has it.
  std::vector<Bytes> last_tiles_;
};

base::Result<Session> SessionReader::Read() {
  FATHOM_TRY(ReadLayout());
  FATHOM_TRY(ReadTokens());
  FATHOM_ASSIGN(const Bytes note, sections_.Next({kNote, 0}));
  session_.note.assign(reinterpret_cast<const char*>(note.data()), note.size());
  for (int64_t l = 0; l < session_.cache.layer_count(); ++l) FATHOM_TRY(ReadLayer(l));
  for (uint32_t i = 0; i < snapshot_count_; ++i) FATHOM_TRY(ReadSnapshot(i));
  if (sections_.remaining() > 0) return Damaged("sections that belong to nothing");
  session_.cache.Restore(*session_.snapshots.back());
  for (int64_t l = 0; l < session_.cache.layer_count(); ++l) FATHOM_TRY(CheckUnusedKeys(l));
  return std::move(session_);
}

base::Status SessionReader::ReadLayout() {
  FATHOM_ASSIGN(Bytes bytes, sections_.Next({kLayout, 0}));
  const std::vector<std::byte> layers = DescribeLayers(session_.cache);
  const auto& fingerprint = model_.fingerprint;
  if (bytes.size() < fingerprint.size() + kLengthsBytes + 4) return Damaged("no layout");
  if (!std::equal(fingerprint.begin(), fingerprint.end(), bytes.begin()))
    return MakeError("{}: belongs to another checkpoint", sections_.source());
  bytes = bytes.subspan(fingerprint.size());
  lengths_ = TakeLengths(&bytes);
  snapshot_count_ = TakeInteger<uint32_t>(&bytes);
  if (!std::equal(bytes.begin(), bytes.end(), layers.begin(), layers.end()))
    return Damaged("its layers are not those of the model");
  if (lengths_.mtp > lengths_.main) return Damaged("the MTP layers are ahead of the others");
  if (snapshot_count_ == 0 || snapshot_count_ > sections_.remaining())
    return Damaged("{} positions in {} sections", snapshot_count_, sections_.remaining());
  return {};
}

base::Status SessionReader::ReadTokens() {
  FATHOM_ASSIGN(const Bytes bytes, sections_.Next({kTokens, 0}));
  if (bytes.size() % sizeof(int32_t) != 0 || bytes.size() / sizeof(int32_t) != lengths_.main)
    return Damaged("{} bytes of token ids for a length of {}", bytes.size(), lengths_.main);
  std::vector<int32_t>& tokens = session_.tokens;
  tokens.resize(bytes.size() / sizeof(int32_t));
  if (!tokens.empty()) std::memcpy(tokens.data(), bytes.data(), bytes.size());
  const auto wrong =
      std::ranges::find_if(tokens, [&](int32_t id) { return id < 0 || id >= model_.vocab_size; });
  if (wrong == tokens.end()) return {};
  return Damaged("token {} is {}, which is not in the vocabulary", wrong - tokens.begin(), *wrong);
}

base::Status SessionReader::ReadLayer(int64_t layer) {
  LayerCache& cache = session_.cache.layer(layer);
  const auto index = static_cast<uint32_t>(layer);
  const bool is_main = layer < session_.cache.main_layers();
  const auto length = static_cast<int64_t>(is_main ? lengths_.main : lengths_.mtp);
  if (cache.shape.compress_ratio > 0)
    FATHOM_TRY(ReadRecords({kRows, index}, cache.rows, cache.shape.RowCount(length)));
  last_tiles_.emplace_back();
  if (cache.shape.index_dim == 0) return {};
  return ReadRecords({kIndexTiles, index}, cache.index_tiles, cache.shape.TileCount(length));
}

base::Status SessionReader::ReadRecords(SectionName name, PagedRecords& records, int64_t count) {
  FATHOM_ASSIGN(Bytes bytes, sections_.Next(name));
  // The count is at most the number of tokens, which the file was long enough to hold.
  if (bytes.size() != static_cast<uint64_t>(count * records.record_bytes()))
    return Damaged("{} bytes for {} records of layer {}", bytes.size(), count, name.index);
  if (name.kind == kIndexTiles && count > 0)
    last_tiles_.back() = bytes.last(static_cast<size_t>(records.record_bytes()));
  records.Append(count);
  VisitPages(records, [&](std::span<std::byte> page) {
    std::memcpy(page.data(), bytes.data(), page.size());
    bytes = bytes.subspan(page.size());
  });
  return {};
}

base::Status SessionReader::ReadSnapshot(uint32_t index) {
  FATHOM_ASSIGN(Bytes bytes, sections_.Next({kSnapshot, index}));
  if (bytes.size() < kLengthsBytes) return Damaged("position {} has no length", index);
  const Lengths lengths = TakeLengths(&bytes);
  const auto& earlier = session_.snapshots;
  const bool is_last = index + 1 == snapshot_count_;
  const bool in_order =
      earlier.empty() || (lengths.main > static_cast<uint64_t>(earlier.back()->length) &&
                          lengths.mtp >= static_cast<uint64_t>(earlier.back()->mtp_length));
  const bool fits = is_last ? lengths.main == lengths_.main && lengths.mtp == lengths_.mtp
                            : lengths.main < lengths_.main && lengths.mtp <= lengths_.mtp;
  if (!in_order || !fits || lengths.mtp > lengths.main)
    return Damaged("position {} is out of order", index);
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->length = static_cast<int64_t>(lengths.main);
  snapshot->mtp_length = static_cast<int64_t>(lengths.mtp);
  const int64_t wanted = session_.cache.SnapshotBytes(snapshot->length, snapshot->mtp_length);
  if (std::ssize(bytes) != wanted)
    return Damaged("position {} has {} bytes of state instead of {}", index, bytes.size(), wanted);
  snapshot->state.assign(bytes.begin(), bytes.end());
  if (!session_.cache.HasFiniteProjections(*snapshot))
    return Damaged("position {} holds a projection that is NaN or infinite", index);
  session_.snapshots.push_back(std::move(snapshot));
  return {};
}

// Restoring a position makes the unused keys of the last tile zero, as they were when it was saved.
base::Status SessionReader::CheckUnusedKeys(int64_t layer) const {
  const Bytes tile = last_tiles_[static_cast<size_t>(layer)];
  if (tile.empty()) return {};
  const PagedRecords& tiles = session_.cache.layer(layer).index_tiles;
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

  std::vector<Section> sections;
  sections.push_back({{kLayout, 0}, {layout, layers}});
  sections.push_back({{kTokens, 0}, {std::as_bytes(session.tokens)}});
  sections.push_back({{kNote, 0}, {std::as_bytes(std::span(session.note))}});
  for (int64_t l = 0; l < cache.layer_count(); ++l) {
    const LayerCache& layer = cache.layer(l);
    if (layer.shape.compress_ratio > 0) sections.push_back(RecordsSection(kRows, l, layer.rows));
    if (layer.shape.index_dim > 0)
      sections.push_back(RecordsSection(kIndexTiles, l, layer.index_tiles));
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
                                  const SessionModel& model, SequenceCache empty) {
  FATHOM_CHECK(empty.length() == 0);
  FATHOM_ASSIGN(SectionReader sections, SectionReader::Open(file, source));
  return SessionReader(std::move(sections), model, std::move(empty)).Read();
}

}  // namespace fathom::kv
