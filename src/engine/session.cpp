#include "engine/session.h"

#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/file.h"

namespace fathom::engine {

base::Status WriteSequence(const Sequence& sequence, std::string_view note,
                           const base::Digest& fingerprint, const std::string& path,
                           base::FileOperations& operations) {
  const auto kept = sequence.snapshots.items();
  std::vector<SnapshotList::Item> snapshots(kept.begin(), kept.end());
  if (snapshots.empty() || snapshots.back()->length < sequence.length())
    snapshots.push_back(std::make_shared<kv::Snapshot>(sequence.cache.TakeSnapshot()));
  FATHOM_ASSIGN(base::AtomicFile file,
                base::AtomicFile::Create(path, {.mode = 0600, .operations = &operations}));
  FATHOM_TRY(kv::WriteSession({.cache = sequence.cache,
                               .tokens = sequence.tokens,
                               .note = note,
                               .snapshots = snapshots,
                               .fingerprint = fingerprint},
                              [&](std::span<const std::byte> bytes) { return file.Write(bytes); }));
  return file.Commit();
}

base::Result<Session> ReadSequence(const std::string& path, const kv::SessionModel& model,
                                   kv::SequenceCache empty) {
  FATHOM_ASSIGN(const base::MappedFile file, base::MappedFile::Open(path));
  FATHOM_ASSIGN(kv::Session session,
                kv::ReadSession(file.bytes(), path, model, {.cache = std::move(empty)}));
  auto sequence = std::make_shared<Sequence>(std::move(session.cache));
  sequence->tokens = std::move(session.tokens);
  sequence->snapshots = SnapshotList(std::move(session.snapshots));
  return Session{std::move(sequence), std::move(session.note)};
}

}  // namespace fathom::engine
