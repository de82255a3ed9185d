// Session files: a sequence that outlives its process. docs/formats/session.md has the bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "kv/section_file.h"
#include "kv/sequence_cache.h"
#include "kv/snapshot.h"

namespace fathom::kv {

/// The session that another one goes on from: that one leaves its beginning to this one's file.
struct SessionParent {
  base::Digest id{};       ///< the caller's name for it
  int64_t length = 0;      ///< tokens that the model's own layers have seen, at least one
  int64_t mtp_length = 0;  ///< tokens that its MTP layers have seen

  bool operator==(const SessionParent&) const = default;
};

/// What is written. Everything must live until the writing is done.
struct SessionView {
  const SequenceCache& cache;
  std::span<const int32_t> tokens;  ///< those that the cache holds
  std::string_view note;            ///< bytes that are the caller's business
  /// By ascending length; the last one is the present position.
  std::span<const std::shared_ptr<const Snapshot>> snapshots;
  base::Digest fingerprint;  ///< of the checkpoint
  /// Tokens and rows up to there are left out. Snapshots are longer than it.
  std::optional<SessionParent> parent{};
};

/// Writes a session front to back into `sink`, whose first error it returns.
/// REQUIRES: as many tokens as cache.length(), which is the last snapshot's length.
base::Status WriteSession(const SessionView& session, ByteSink sink);

/// What a session has to match.
struct SessionModel {
  base::Digest fingerprint;
  int64_t vocab_size = 0;
};

struct Session {
  SequenceCache cache;
  std::vector<int32_t> tokens{};
  std::string note{};
  std::vector<std::shared_ptr<const Snapshot>> snapshots{};  ///< of the file, as in SessionView
};

/// What of a session is read.
enum class SessionPart : uint8_t {
  kAll,
  kRows,  ///< tokens and rows, of a session that another one goes on from: the cache has no
          ///< position
};

/// Reads a session on top of `parent`: a new sequence of the model, or if the file has a parent,
/// that one. Errors are one line that names `source`: a file that is not whole, of another version
/// or checkpoint, that goes on from another parent, or whose parts do not agree with each other or
/// with the model. Memory is taken only for what the file holds.
base::Result<Session> ReadSession(std::span<const std::byte> file, const std::string& source,
                                  const SessionModel& model, Session parent,
                                  SessionPart part = SessionPart::kAll);

/// What a file says about itself before its rows.
struct SessionHead {
  std::optional<SessionParent> parent;
  std::vector<int32_t> tokens;  ///< those after the parent's
  int64_t mtp_length = 0;       ///< tokens that its MTP layers have seen
};

/// Reads the head of a session of sequences like `empty`. Errors as ReadSession, as far as it
/// reads.
base::Result<SessionHead> ReadSessionHead(std::span<const std::byte> file,
                                          const std::string& source, const SessionModel& model,
                                          const SequenceCache& empty);

}  // namespace fathom::kv
