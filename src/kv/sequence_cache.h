// Everything that one sequence remembers (paper, section 3.5): window rows, compressed rows,
// indexer keys, and the tokens that wait for their block to be complete.
#pragma once

#include <cstdint>
#include <vector>

#include "kv/paged_records.h"
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
};

/// Bytes taken, by kind.
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
  explicit LayerCache(const LayerShape& layer_shape);

  LayerShape shape;
  tensor::Matrix<std::byte> window;  ///< [window, row_bytes], position p in row p mod window
  PagedRecords rows;                 ///< compressed rows
  CompressorState compressor;
  PagedRecords index_tiles;  ///< indexer keys, 16 a record
  int64_t index_keys = 0;    ///< keys in index_tiles
  CompressorState index_compressor;

  CacheBytes bytes() const;
};

/// The memory of one sequence. Owned and changed by one thread at a time.
class SequenceCache {
 public:
  /// The first `main_layers` shapes are the model's layers, the rest its MTP layers, whose
  /// positions advance on their own.
  SequenceCache(const std::vector<LayerShape>& shapes, int64_t main_layers);

  LayerCache& layer(int64_t l) { return layers_[static_cast<size_t>(l)]; }
  /// Tokens that layer l has seen: the position of its next token.
  int64_t length(int64_t l) const { return l < main_layers_ ? length_ : mtp_length_; }
  /// Tokens that the model's own layers have seen.
  int64_t length() const { return length_; }
  int64_t mtp_length() const { return mtp_length_; }
  void Advance(int64_t tokens) { length_ += tokens; }
  void AdvanceMtp(int64_t tokens) { mtp_length_ += tokens; }

  CacheBytes bytes() const;

 private:
  std::vector<LayerCache> layers_;
  int64_t main_layers_;
  int64_t length_ = 0;
  int64_t mtp_length_ = 0;
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
