#include "kv/prefix_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/file.h"

namespace fathom::kv {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSuffix = ".prefix";
// A file that was being written when its process was killed (base::AtomicFile).
constexpr const char* kPartial = ".prefix.partial-";
// Positions in memory until a slow disk has them: each holds a sequence's windows and compressors.
constexpr int64_t kMostPending = 8;
// A position has to be longer than its parent by this share. What is then lost when a process is
// killed is computed again in a hundredth of the time, and a conversation has few hundred files.
constexpr int64_t kShare = 100;

// The name of a position: it follows from all tokens before it, and from where files begin and end.
base::Digest MakeId(const base::Digest& parent, std::span<const int32_t> tokens) {
  base::DigestBuilder digest;
  digest.Add(parent);
  digest.Add(std::as_bytes(tokens));
  return digest.Finish();
}

// At least what the file will take.
int64_t EstimateBytes(const SequenceCache& cache, const Snapshot& snapshot, int64_t first) {
  constexpr int64_t kHead = 4096;
  constexpr int64_t kSections = 64;
  int64_t bytes = kHead + snapshot.bytes();
  bytes += (snapshot.length - first) * static_cast<int64_t>(sizeof(int32_t));
  for (int64_t l = 0; l < cache.layer_count(); ++l) {
    const LayerCache& layer = cache.layer(l);
    const int64_t first_row = layer.shape.RowCount(first);
    bytes += 3 * kSections + (layer.rows.size() - first_row) * layer.rows.record_bytes();
    bytes += (layer.index_tiles.size() - first_row / numerics::kIndexTile) *
             layer.index_tiles.record_bytes();
  }
  return bytes;
}

}  // namespace

base::Result<std::unique_ptr<PrefixFiles>> PrefixFiles::Open(PrefixFilesOptions options,
                                                             SequenceCache empty) {
  FATHOM_TRY(base::MakeDirectories(options.directory));
  FATHOM_ASSIGN(base::DirectoryLock lock, base::DirectoryLock::Take(options.directory));
  std::unique_ptr<PrefixFiles> files(
      new PrefixFiles(std::move(options), std::move(empty), std::move(lock)));
  FATHOM_TRY(files->Scan());
  files->MakeRoom(0);
  return files;
}

PrefixFiles::PrefixFiles(PrefixFilesOptions options, SequenceCache empty, base::DirectoryLock lock)
    : options_(std::move(options)),
      empty_(std::move(empty)),
      lock_(std::move(lock)),
      writer_(*options_.operations) {}

struct PrefixFiles::Found {
  std::string path;
  SessionHead head;
  int64_t bytes;
  fs::file_time_type used;
  Node* node = nullptr;  // once it has its place

  int64_t parent_length() const { return head.parent ? head.parent->length : 0; }
};

base::Status PrefixFiles::Scan() {
  std::vector<Found> found;
  std::error_code error;
  for (fs::directory_iterator entry(options_.directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string path = entry->path().string();
    if (path.find(kPartial) != std::string::npos) options_.operations->Remove(path);
    if (!path.ends_with(kSuffix)) continue;
    const auto file = base::MappedFile::Open(path);
    auto head = file.ok() ? ReadSessionHead(file->bytes(), path, options_.model, empty_)
                          : base::Result<SessionHead>(file.error());
    if (!head.ok()) {
      Discard(path, head.error().message);
      continue;
    }
    std::error_code ignored;
    found.push_back(
        {path, std::move(*head), std::ssize(file->bytes()), fs::last_write_time(path, ignored)});
  }
  if (error) return base::MakeError("{}: cannot read: {}", options_.directory, error.message());

  // Parents before the files that go on from them.
  std::ranges::sort(found, {}, &Found::parent_length);
  std::map<base::Digest, Node*> by_id;
  for (Found& file : found) file.node = Place(file, &by_id);
  std::ranges::sort(found, {}, &Found::used);
  for (const Found& file : found)
    if (file.node != nullptr) file.node->value->used = ++uses_;
  return {};
}

// A file without its parent is of no use: it is what is left of a power failure, or of a deletion
// by somebody else.
PrefixFiles::Node* PrefixFiles::Place(const Found& found, std::map<base::Digest, Node*>* by_id) {
  const auto discard = [&](std::string_view reason) {
    Discard(found.path, fmt::format("{}: {}", found.path, reason));
    return nullptr;
  };
  Node* parent = nullptr;
  const SessionHead& head = found.head;
  if (head.tokens.empty()) return discard("holds no tokens");
  if (head.parent) {
    const auto known = by_id->find(head.parent->id);
    if (known == by_id->end() || known->second->length() != head.parent->length)
      return discard("what it goes on from is missing");
    parent = known->second;
  }
  const base::Digest id = MakeId(parent ? parent->value->id : base::Digest(), head.tokens);
  if (fs::path(PathOf(id)).filename() != fs::path(found.path).filename())
    return discard("its name is not that of what it holds");
  std::vector<int32_t> tokens = parent ? parent->Path() : std::vector<int32_t>();
  tokens.insert(tokens.end(), head.tokens.begin(), head.tokens.end());
  Node& node = tree_.Insert(tokens);
  if (node.value) return discard("another file holds the same tokens");
  node.value = File{.id = id,
                    .parent = parent,
                    .mtp_length = head.mtp_length,
                    .bytes = found.bytes,
                    .state = State::kWritten};
  if (parent) ++parent->value->children;
  ++statistics_.files;
  statistics_.bytes += found.bytes;
  return by_id->emplace(id, &node).first->second;
}

std::string PrefixFiles::PathOf(const base::Digest& id) const {
  return options_.directory + "/" + base::ToHex(id) + kSuffix;
}

PrefixFiles::Node* PrefixFiles::FindWritten(std::span<const int32_t> tokens) {
  Node* node = tree_.FindLongest(tokens);
  while (node != nullptr && node->value->state != State::kWritten) node = node->FindAncestor();
  return node;
}

// One that is still being written will be there before what goes on from it.
PrefixFiles::Node* PrefixFiles::FindParent(std::span<const int32_t> tokens) {
  Node* node = tree_.FindLongest(tokens);
  while (node != nullptr && node->value->state == State::kDropped) node = node->FindAncestor();
  return node;
}

int64_t PrefixFiles::FindLength(std::span<const int32_t> tokens) {
  const Node* node = FindWritten(tokens);
  return node == nullptr ? 0 : node->length();
}

std::optional<SequenceCache> PrefixFiles::Read(std::span<const int32_t> tokens, FindPosition find) {
  while (Node* node = FindWritten(tokens)) {
    Node* reading = node;
    auto cache = ReadChain(*node, tokens, find, &reading);
    if (cache.ok()) {
      Use(*node);
      return std::move(*cache);
    }
    ++statistics_.failures;
    Log(fmt::format("{}; deleted", cache.error().message));
    Tell(FileEvent::Kind::kFailed, *reading);
    Drop(*reading);
  }
  return std::nullopt;
}

base::Result<SequenceCache> PrefixFiles::ReadChain(Node& last, std::span<const int32_t> tokens,
                                                   FindPosition find, Node** reading) {
  Session session{.cache = empty_.Fork()};
  std::vector<Node*> chain = {&last};
  while (Node* parent = chain.back()->value->parent) {
    if (const auto position = find(parent->length())) {
      session.cache.GoTo(*position);
      session.tokens.assign(tokens.begin(), tokens.begin() + parent->length());
      break;
    }
    chain.push_back(parent);
  }
  for (auto node = chain.rbegin(); node != chain.rend(); ++node) {
    *reading = *node;
    const std::string path = PathOf((*node)->value->id);
    FATHOM_ASSIGN(const base::MappedFile file, base::MappedFile::Open(path));
    statistics_.bytes_read += std::ssize(file.bytes());
    const SessionPart part = *node == &last ? SessionPart::kAll : SessionPart::kRows;
    FATHOM_ASSIGN(session,
                  ReadSession(file.bytes(), path, options_.model, std::move(session), part));
  }
  if (!std::ranges::equal(session.tokens, tokens.first(static_cast<size_t>(last.length()))))
    return base::MakeError("{}: holds other tokens than before", PathOf(last.value->id));
  return std::move(session.cache);
}

void PrefixFiles::Use(Node& node) {
  for (Node* used = &node; used != nullptr; used = used->value->parent) used->value->used = ++uses_;
  // For the next process.
  std::error_code ignored;
  fs::last_write_time(PathOf(node.value->id), fs::file_time_type::clock::now(), ignored);
}

bool PrefixFiles::Wants(std::span<const int32_t> tokens, bool exactly) {
  if (tokens.empty() || writer_.pending() >= kMostPending || tree_.Find(tokens) != nullptr)
    return false;
  const Node* parent = FindParent(tokens);
  const int64_t length = std::ssize(tokens);
  const int64_t more = length - (parent == nullptr ? 0 : parent->length());
  return more >= (exactly ? 1 : std::max<int64_t>(1, length / kShare));
}

bool PrefixFiles::Write(std::span<const int32_t> tokens, SequenceCache cache,
                        std::shared_ptr<const Snapshot> snapshot) {
  Node* parent = FindParent(tokens);
  const int64_t first = parent == nullptr ? 0 : parent->length();
  const int64_t bytes = EstimateBytes(cache, *snapshot, first);
  if (parent) ++parent->value->children;  // so that it is not what makes room
  if (!MakeRoom(bytes)) {
    if (parent) --parent->value->children;
    return false;
  }
  auto job = std::make_unique<WriteJob>(WriteJob{.path = {},
                                                 .cache = std::move(cache),
                                                 .tokens = {tokens.begin(), tokens.end()},
                                                 .snapshot = std::move(snapshot),
                                                 .fingerprint = options_.model.fingerprint,
                                                 .parent = {}});
  if (parent)
    job->parent = SessionParent{.id = parent->value->id,
                                .length = parent->length(),
                                .mtp_length = parent->value->mtp_length};
  Node& node = tree_.Insert(tokens);
  node.value = File{.id = MakeId(parent ? parent->value->id : base::Digest(),
                                 tokens.subspan(static_cast<size_t>(first))),
                    .parent = parent,
                    .mtp_length = job->snapshot->mtp_length,
                    .bytes = bytes,
                    .used = ++uses_};
  ++statistics_.files;
  statistics_.bytes += bytes;
  job->path = PathOf(node.value->id);
  pending_[job->path] = &node;
  writer_.Push(std::move(job));
  return true;
}

bool PrefixFiles::MakeRoom(int64_t bytes) {
  while (statistics_.bytes + bytes > options_.limit_bytes) {
    Node* oldest = nullptr;
    tree_.ForEach([&](Node& node) {
      const File& file = *node.value;
      if (file.state != State::kWritten || file.children > 0) return;
      if (oldest == nullptr || file.used < oldest->value->used) oldest = &node;
    });
    if (oldest == nullptr) return false;
    Tell(FileEvent::Kind::kRemoved, *oldest);
    Erase(*oldest);
  }
  return true;
}

void PrefixFiles::TakeDone(bool wait) {
  ++looks_;
  int64_t least = wait ? 1 : 0;
  int64_t most = INT64_MAX;
  if (options_.await_written) least = most = std::max(least, options_.await_written(looks_));
  for (const auto& job : writer_.TakeDone(least, most)) TakeBack(*job);
}

// A full disk becomes the limit: from then on older files make room first.
void PrefixFiles::TakeBack(const WriteJob& job) {
  Node& node = *pending_.extract(job.path).mapped();
  if (job.status.ok()) {
    statistics_.bytes_written += job.bytes;
    statistics_.bytes += job.bytes - node.value->bytes;
    node.value->bytes = job.bytes;
    Tell(FileEvent::Kind::kWritten, node);
    if (node.value->state == State::kDropped) return Erase(node);
    node.value->state = State::kWritten;
    return;
  }
  node.value->state = State::kWritten;
  Tell(FileEvent::Kind::kFailed, node);
  Drop(node);
  ++statistics_.failures;
  options_.limit_bytes = std::min(options_.limit_bytes, statistics_.bytes);
  Log(fmt::format("{}; the prefix cache keeps to {} bytes of files", job.status.error().message,
                  options_.limit_bytes));
}

void PrefixFiles::Drop(Node& node) {
  std::vector<Node*> dropped;
  tree_.ForEach([&](Node& other) {
    for (const Node* above = &other; above != nullptr; above = above->value->parent)
      if (above == &node) return dropped.push_back(&other);
  });
  std::ranges::sort(dropped, std::greater(), &Node::length);
  for (Node* other : dropped) {
    if (other->value->state == State::kWritten) {
      Erase(*other);
    } else {
      other->value->state = State::kDropped;
      // Its parent is about to go.
      other->value->parent = nullptr;
    }
  }
}

void PrefixFiles::Erase(Node& node) {
  options_.operations->Remove(PathOf(node.value->id));
  --statistics_.files;
  statistics_.bytes -= node.value->bytes;
  if (Node* parent = node.value->parent) --parent->value->children;
  tree_.Erase(node);
}

void PrefixFiles::Discard(const std::string& path, std::string_view reason) {
  ++statistics_.failures;
  Log(fmt::format("{}; deleted", reason));
  options_.operations->Remove(path);
}

void PrefixFiles::Log(std::string_view line) const {
  if (options_.log) options_.log(line);
}

void PrefixFiles::Tell(FileEvent::Kind kind, const Node& node) const {
  if (on_event_) on_event_({kind, node.length(), node.value->bytes, looks_});
}

}  // namespace fathom::kv
