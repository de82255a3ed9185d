// Session files written by a thread of their own.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/file_operations.h"
#include "base/result.h"
#include "kv/session_file.h"

namespace fathom::kv {

/// A session that is to be written to `path`, with its last position only. Its cache belongs to the
/// writer until it is handed back: pages that it shares with others are read meanwhile.
struct WriteJob {
  std::string path;
  SequenceCache cache;
  std::vector<int32_t> tokens;
  std::shared_ptr<const Snapshot> snapshot;
  base::Digest fingerprint;
  std::optional<SessionParent> parent;

  base::Status status{};  ///< what became of it
  int64_t bytes = 0;      ///< of the file
};

/// Writes jobs one after the other, each at once or not at all (base::AtomicFile), readable by
/// their owner only. One thread hands jobs over and takes them back.
class SessionWriter {
 public:
  explicit SessionWriter(base::FileOperations& operations);
  SessionWriter(const SessionWriter&) = delete;
  SessionWriter& operator=(const SessionWriter&) = delete;
  /// Finishes the file that is being written, and drops the others.
  ~SessionWriter();

  void Push(std::unique_ptr<WriteJob> job);
  /// Jobs that were handed over and not yet taken back.
  int64_t pending() const { return pending_; }
  /// Takes back what is done, in order, `most` jobs at most. Waits until `least` of those that are
  /// pending are done, or all of them if they are fewer.
  std::vector<std::unique_ptr<WriteJob>> TakeDone(int64_t least, int64_t most = INT64_MAX);

 private:
  void Run();
  void Write(WriteJob& job) const;

  base::FileOperations& operations_;
  int64_t pending_ = 0;

  std::mutex mutex_;  // of all below
  std::condition_variable changed_;
  std::deque<std::unique_ptr<WriteJob>> waiting_;
  std::deque<std::unique_ptr<WriteJob>> done_;
  bool ends_ = false;

  std::thread thread_;
};

}  // namespace fathom::kv
