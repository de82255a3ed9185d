// Session files: a sequence that outlives its process. docs/formats/session.md has the bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
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

/// What is written. Everything must live until the writing is done.
struct SessionView {
  const SequenceCache& cache;
  std::span<const int32_t> tokens;  ///< those that the cache holds
  std::string_view note;            ///< bytes that are the caller's business
  /// By ascending length; the last one is the present position.
  std::span<const std::shared_ptr<const Snapshot>> snapshots;
  base::Digest fingerprint;  ///< of the checkpoint
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
  std::vector<int32_t> tokens;
  std::string note;
  std::vector<std::shared_ptr<const Snapshot>> snapshots;  ///< as in SessionView
};

/// Reads a session into `empty`, a new sequence of the model. Errors are one line that names
/// `source`: a file that is not whole, of another version or checkpoint, or whose parts do not
/// agree with each other or with the model. Memory is taken only for what the file holds.
base::Result<Session> ReadSession(std::span<const std::byte> file, const std::string& source,
                                  const SessionModel& model, SequenceCache empty);

}  // namespace fathom::kv
