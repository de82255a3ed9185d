// The memory of all sequences: what is taken, what is promised to requests, and what earlier ones
// left behind for those to come.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "engine/observer.h"
#include "engine/sequence.h"
#include "kv/memory_meter.h"
#include "kv/prefix_cache.h"
#include "kv/prefix_files.h"

namespace fathom::engine {

/// Keeps what is taken and what is promised, together, within a limit. A request is promised the
/// most that it may come to need before it begins, so nothing that was admitted ever lacks memory;
/// what nobody was promised holds prefixes.
class KvMemory {
 public:
  struct Statistics {
    int64_t query_tokens = 0;  ///< of prompts that were looked up
    int64_t hit_tokens = 0;    ///< of these, found
    int64_t evictions = 0;
    int64_t file_hits = 0;        ///< prompts that began with a prefix from a file
    int64_t file_hit_tokens = 0;  ///< of hit_tokens, what only files had
  };

  /// `empty`, a sequence of the model that `meter` counts, is what others are made from.
  /// `limit_bytes` 0: there is no limit, and no prefix is kept. `observer`, which outlives it,
  /// hears of all decisions.
  KvMemory(int64_t limit_bytes, std::shared_ptr<kv::MemoryMeter> meter, kv::SequenceCache empty,
           EngineObserver& observer)
      : limit_bytes_(limit_bytes),
        meter_(std::move(meter)),
        empty_(std::move(empty)),
        observer_(observer) {}

  /// Has files keep what memory gives up, and what outlives the process.
  void UseFiles(std::unique_ptr<kv::PrefixFiles> files);

  int64_t limit_bytes() const { return limit_bytes_; }
  int64_t bytes() const { return meter_->bytes(); }
  int64_t promised_bytes() const { return promised_bytes_; }
  /// Of what is taken, the empty sequences that others are made from, here and where files are
  /// read.
  int64_t own_bytes() const { return (files_ ? 2 : 1) * empty_.FixedBytes(); }
  int64_t prefix_count() const { return prefixes_.size(); }
  const Statistics& statistics() const { return statistics_; }
  kv::PrefixFiles::Statistics file_statistics() const {
    return files_ ? files_->statistics() : kv::PrefixFiles::Statistics();
  }
  bool keeps_prefixes() const { return limit_bytes_ > 0; }

  /// An empty sequence; its memory is counted.
  kv::SequenceCache NewCache() const { return empty_.Fork(); }
  /// The most that a sequence may take until it has `tokens` tokens, if it begins anew or with the
  /// rows of the first `shared` ones, which somebody else holds.
  int64_t MostBytes(int64_t tokens, int64_t shared = 0) const {
    return empty_.FixedBytes() + MostGrowth(tokens, shared);
  }
  /// The most that one of `held` tokens may take on top until it has `tokens`.
  int64_t MostGrowth(int64_t tokens, int64_t held) const {
    return empty_.PageBytes(tokens) - empty_.PageBytes(held) + empty_.SpareBytes();
  }

  /// States what running requests may still take, and gives up prefixes until that fits.
  void SetPromised(int64_t bytes);
  /// Whether `bytes` more fit without giving up anything.
  bool Fits(int64_t bytes) const {
    return limit_bytes_ == 0 || meter_->bytes() + promised_bytes_ + bytes <= limit_bytes_;
  }
  /// What to do about memory that is held only until a file is written.
  enum class Pending : uint8_t { kLeave, kAwait };
  /// Gives up prefixes until `bytes` more fit. Returns whether they do.
  bool MakeRoom(int64_t bytes, Pending pending = Pending::kLeave);

  /// The longest prefix of the prompt that is kept in memory, at most all but its last token, whose
  /// logits somebody wants; or null. What is held is not given up.
  kv::PrefixCache::Item FindPrefix(std::span<const int32_t> prompt);
  /// A sequence of the request of that number, which begins with that prefix, or with a longer one
  /// from a file.
  std::shared_ptr<Sequence> BeginSequence(int64_t request, std::span<const int32_t> prompt);

  /// Keeps the position of the request's sequence, or with `back` 1 the one before, if there is
  /// room.
  void KeepPrefix(int64_t request, const Sequence& sequence, int64_t back);

  /// Writes the ends of all conversations in memory to files, and waits until they are there.
  void Park();

 private:
  std::optional<Sequence> ReadPrefix(std::span<const int32_t> prompt, int64_t held);
  void WriteFile(std::span<const int32_t> tokens, const kv::Position& position, bool exactly);

  int64_t limit_bytes_;
  int64_t promised_bytes_ = 0;
  std::shared_ptr<kv::MemoryMeter> meter_;
  kv::SequenceCache empty_;
  kv::PrefixCache prefixes_;
  EngineObserver& observer_;
  std::unique_ptr<kv::PrefixFiles> files_;  // null: there are none
  int64_t next_position_ = 1;
  Statistics statistics_;
};

}  // namespace fathom::engine
