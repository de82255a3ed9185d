// Everything that one sequence remembers (paper, section 3.5): window rows, compressed rows,
// indexer keys, and the tokens that wait for their block to be complete.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_set>
#include <vector>

#include "kv/memory_meter.h"
#include "kv/paged_records.h"
#include "kv/position.h"
#include "kv/snapshot.h"
#include "numerics/row_layout.h"
#include "tensor/matrix.h"

namespace fathom::kv {

/// What a layer's cache has to hold. Zero means "none of it".
struct LayerShape {
  numerics::RowLayout row;
  int64_t window = 0;          ///< rows of the ring
  int64_t compress_ratio = 0;  ///< tokens a compressed row stands for
  bool overlapped = false;     ///< a row also pools the block before its own
  int64_t index_dim = 0;       ///< of an indexer key

  /// Compressed rows of a sequence of `length` tokens.
  int64_t RowCount(int64_t length) const {
    return compress_ratio == 0 ? 0 : length / compress_ratio;
  }
  /// Tiles of indexer keys.
  int64_t TileCount(int64_t length) const {
    if (index_dim == 0) return 0;
    return (RowCount(length) + numerics::kIndexTile - 1) / numerics::kIndexTile;
  }
};

/// Bytes taken, by kind. Pages that sequences share count in each of them.
struct CacheBytes {
  int64_t window = 0;
  int64_t csa_rows = 0;
  int64_t hca_rows = 0;
  int64_t index_keys = 0;
  int64_t compressor_state = 0;

  int64_t total() const { return window + csa_rows + hca_rows + index_keys + compressor_state; }
  CacheBytes& operator+=(const CacheBytes& other);
};

/// The projections of the newest tokens that future compressed rows still need, float32. A slot is
/// a position modulo `slots`: one block, or two where rows overlap.
struct CompressorState {
  tensor::Matrix<float> values;  ///< [slots, width]
  tensor::Matrix<float> scores;  ///< [slots, width], positional bias added

  int64_t slots() const { return values.rows(); }
  int64_t bytes() const { return static_cast<int64_t>(values.bytes() + scores.bytes()); }
};

/// One layer's memory of one sequence.
struct LayerCache {
  explicit LayerCache(const LayerShape& layer_shape,
                      const std::shared_ptr<MemoryMeter>& meter = nullptr);

  LayerShape shape;
  tensor::Matrix<std::byte> window;  ///< [window, row_bytes], position p in row p mod window
  PagedRecords rows;                 ///< compressed rows
  CompressorState compressor;
  PagedRecords index_tiles;  ///< indexer keys, 16 a record
  int64_t index_keys = 0;    ///< keys in index_tiles
  CompressorState index_compressor;

  /// A copy that shares the pages of rows and tiles.
  LayerCache Fork() const;
  /// Forgets rows and keys of blocks that are not complete within the first `length` tokens. The
  /// unused keys of the last tile become zero.
  void TruncateBlocks(int64_t length);
  CacheBytes bytes() const;
};

/// The memory of one sequence. Owned and changed by one thread at a time, together with all its
/// forks.
class SequenceCache {
 public:
  /// The first `main_layers` shapes are the model's layers, the rest its MTP layers, whose
  /// positions advance on their own. What the sequence, its forks, snapshots and positions take
  /// counts in `meter`, if there is one.
  SequenceCache(const std::vector<LayerShape>& shapes, int64_t main_layers,
                std::shared_ptr<MemoryMeter> meter = nullptr);

  LayerCache& layer(int64_t l) { return layers_[static_cast<size_t>(l)]; }
  const LayerCache& layer(int64_t l) const { return layers_[static_cast<size_t>(l)]; }
  int64_t layer_count() const { return static_cast<int64_t>(layers_.size()); }
  int64_t main_layers() const { return main_layers_; }
  /// Tokens that layer l has seen: the position of its next token.
  int64_t length(int64_t l) const { return l < main_layers_ ? length_ : mtp_length_; }
  /// Tokens that the model's own layers have seen.
  int64_t length() const { return length_; }
  int64_t mtp_length() const { return mtp_length_; }
  void Advance(int64_t tokens) { length_ += tokens; }
  void AdvanceMtp(int64_t tokens) { mtp_length_ += tokens; }

  /// A second sequence with the same past. Pages are shared until one of the two writes to them.
  SequenceCache Fork() const;

  /// Keeps the present position, or with `back` 1 the one before: its window rows and projections
  /// are still there. The MTP layers' position goes back as far. REQUIRES: 0 <= back <= 1, back <=
  /// length().
  Snapshot TakeSnapshot(int64_t back = 0) const;

  /// Returns to a snapshot of this sequence, or of another with the same tokens up to there. Every
  /// token that follows computes the bits that it would have computed then. A default Snapshot is
  /// the empty sequence's. REQUIRES: the layers hold the rows of snapshot.length tokens, and
  /// snapshot.state has SnapshotBytes.
  void Restore(const Snapshot& snapshot);

  /// The present position, or with `back` 1 the one before, as TakeSnapshot has it.
  Position TakePosition(int64_t back = 0) const;

  /// Takes on the past of another sequence of the same model, up to that position.
  void GoTo(const Position& position);

  /// Bytes that a sequence takes from its beginning: windows and compressors.
  int64_t FixedBytes() const;
  /// Bytes of the pages of a sequence of `length` tokens, if it shares none.
  int64_t PageBytes(int64_t length) const;
  /// The most that copies of shared pages take at one time, of those that the next tokens write to.
  int64_t SpareBytes() const;

  /// Bytes of the state of a snapshot.
  int64_t SnapshotBytes(int64_t length, int64_t mtp_length) const;
  /// Whether no projection of the snapshot is NaN or infinite. REQUIRES: as Restore.
  bool HasFiniteProjections(const Snapshot& snapshot) const;

  CacheBytes bytes() const;
  /// Bytes of the pages that are not in `seen` yet, which gets their addresses.
  int64_t CountPagesOnce(std::unordered_set<const std::byte*>* seen) const;
  /// Null: nobody counts.
  const std::shared_ptr<MemoryMeter>& meter() const { return meter_; }

 private:
  SequenceCache(std::vector<LayerCache> layers, int64_t main_layers,
                std::shared_ptr<MemoryMeter> meter);

  std::vector<LayerCache> layers_;
  int64_t main_layers_;
  int64_t length_ = 0;
  int64_t mtp_length_ = 0;
  std::shared_ptr<MemoryMeter> meter_;
  MeteredBytes fixed_;
};

/// The window rows that a batch can see: those of the ring, and the batch's own, not yet in it.
struct WindowView {
  const tensor::Matrix<std::byte>* ring = nullptr;
  const std::byte* fresh = nullptr;  ///< rows of positions first_fresh, first_fresh + 1, ...
  int64_t first_fresh = 0;
  int64_t row_bytes = 0;

  const std::byte* row(int64_t position) const {
    return position >= first_fresh ? fresh + (position - first_fresh) * row_bytes
                                   : ring->row(position % ring->rows());
  }
};

}  // namespace fathom::kv
