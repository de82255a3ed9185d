// Positions of earlier sequences in files, found by the tokens that lead to them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/directory_lock.h"
#include "base/file_operations.h"
#include "base/function_ref.h"
#include "base/result.h"
#include "kv/position.h"
#include "kv/session_file.h"
#include "kv/session_writer.h"
#include "kv/token_tree.h"

namespace fathom::kv {

struct PrefixFilesOptions {
  /// Made if it is not there. The files of one checkpoint only.
  std::string directory;
  /// Most bytes of all files.
  int64_t limit_bytes = 0;
  SessionModel model;
  /// Called with one line when a file cannot be written, or is given up because it cannot be read.
  std::function<void(std::string_view line)> log{};
  /// To repeat what was done with other files: tells how many jobs of the writing thread to await
  /// and take note of when that is asked for the n-th time, counted from 1. Empty: what is done.
  std::function<int64_t(int64_t look)> await_written{};
  base::FileOperations* operations = &base::FileOperations::System();
};

/// What became of a file.
struct FileEvent {
  enum class Kind : uint8_t {
    kWritten,
    kRemoved,  ///< to make room
    kFailed,   ///< could not be written or read
  };
  Kind kind = Kind::kWritten;
  int64_t tokens = 0;  ///< of the sequence whose position it holds
  int64_t bytes = 0;
  int64_t look = 0;  ///< how often PrefixFiles had looked for what is written
};

/// Every file holds one position and what its sequence has beyond that of another file, its parent:
/// a conversation that grows writes what is new. A file's name is the digest of its parent's name
/// and of its tokens after it, so a name stands for all tokens before it. What is known about files
/// is read from them when the directory is opened; there is no other index that could be wrong.
///
/// The files used least recently go first, those that others go on from after these. A file that
/// cannot be read is deleted, with those that go on from it, and was never there.
class PrefixFiles {
 public:
  struct Statistics {
    int64_t files = 0;
    int64_t bytes = 0;  ///< of the files, those that are being written included
    int64_t bytes_read = 0;
    int64_t bytes_written = 0;
    int64_t failures = 0;  ///< files that could not be written or read
  };

  /// The position in memory that has exactly so many tokens of those looked for, or null.
  using FindPosition = base::FunctionRef<std::shared_ptr<const Position>(int64_t tokens)>;

  /// Reads the heads of all files. `empty` is a new sequence of the model. Fails if the directory
  /// cannot be made or read, or if another process uses it.
  static base::Result<std::unique_ptr<PrefixFiles>> Open(PrefixFilesOptions options,
                                                         SequenceCache empty);

  const Statistics& statistics() const { return statistics_; }

  /// Has `on_event` hear of what becomes of files from now on.
  void Observe(std::function<void(const FileEvent&)> on_event) { on_event_ = std::move(on_event); }

  /// Tokens of the longest position in a file that `tokens` begin with; 0 if there is none.
  int64_t FindLength(std::span<const int32_t> tokens);

  /// A sequence at that position, or nothing if no file can be read. What `find` finds need not be
  /// read.
  std::optional<SequenceCache> Read(std::span<const int32_t> tokens, FindPosition find);

  /// Whether a position is worth a file: it is longer than those it goes on from by a hundredth, or
  /// at all if `exactly`, and not too many others wait to be written.
  bool Wants(std::span<const int32_t> tokens, bool exactly);

  /// Hands a sequence of those tokens, at `snapshot`, to the writing thread. Older files make room;
  /// returns whether there is any. REQUIRES: Wants.
  bool Write(std::span<const int32_t> tokens, SequenceCache cache,
             std::shared_ptr<const Snapshot> snapshot);

  /// Takes note of what has been written; with `wait`, of one file at least, if one is pending.
  void TakeDone(bool wait);
  int64_t pending() const { return writer_.pending(); }

 private:
  struct File;
  using Tree = TokenTree<File>;
  using Node = Tree::Node;
  enum class State : uint8_t {
    kPending,  ///< being written
    kWritten,
    kDropped,  ///< being written, but no longer wanted
  };
  struct File {
    base::Digest id{};
    Node* parent = nullptr;
    int64_t mtp_length = 0;
    int64_t bytes = 0;
    int64_t used = 0;      ///< when it was used last; grows with every use of any file
    int64_t children = 0;  ///< files that go on from this one
    State state = State::kPending;
  };

  PrefixFiles(PrefixFilesOptions options, SequenceCache empty, base::DirectoryLock lock);

  base::Status Scan();
  struct Found;
  Node* Place(const Found& found, std::map<base::Digest, Node*>* by_id);
  std::string PathOf(const base::Digest& id) const;
  Node* FindWritten(std::span<const int32_t> tokens);
  Node* FindParent(std::span<const int32_t> tokens);
  base::Result<SequenceCache> ReadChain(Node& last, std::span<const int32_t> tokens,
                                        FindPosition find, Node** reading);
  void Use(Node& node);
  bool MakeRoom(int64_t bytes);
  void Drop(Node& node);
  void Erase(Node& node);
  void TakeBack(const WriteJob& job);
  void Discard(const std::string& path, std::string_view reason);
  void Log(std::string_view line) const;
  void Tell(FileEvent::Kind kind, const Node& node) const;

  PrefixFilesOptions options_;
  std::function<void(const FileEvent&)> on_event_;
  SequenceCache empty_;
  base::DirectoryLock lock_;
  Tree tree_;
  std::map<std::string, Node*> pending_;  // by path
  int64_t uses_ = 0;
  int64_t looks_ = 0;  // for what is written
  Statistics statistics_;
  SessionWriter writer_;
};

}  // namespace fathom::kv
