#include "kv/sequence_cache.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>
#include <type_traits>
#include <utility>

namespace fathom::kv {
namespace {

// Large enough that a page's header and rounding are noise, small enough that a short sequence does
// not pay for a long one: at head_dim 512, 256 compressed rows are 150 KB a layer.
constexpr int64_t kRowsPerPage = 256;
constexpr int64_t kIndexTilesPerPage = 64;

CompressorState MakeState(const LayerShape& shape, int64_t dim) {
  const int64_t blocks = shape.overlapped ? 2 : 1;
  const int64_t slots = blocks * shape.compress_ratio;
  const int64_t width = blocks * dim;
  return {tensor::Matrix<float>(slots, width), tensor::Matrix<float>(slots, width)};
}

template <typename T>
tensor::Matrix<T> Clone(const tensor::Matrix<T>& matrix) {
  tensor::Matrix<T> copy(matrix.rows(), matrix.cols());
  if (matrix.bytes() > 0) std::memcpy(copy.data(), matrix.data(), matrix.bytes());
  return copy;
}

CompressorState Clone(const CompressorState& state) {
  return {Clone(state.values), Clone(state.scores)};
}

// Zeroes the keys of a tile from `first` on.
void ClearKeys(int64_t dim, int64_t first, std::byte* tile) {
  constexpr int64_t kTile = numerics::kIndexTile;
  const auto unused = static_cast<size_t>(kTile - first);
  for (int64_t group = 0; group < dim / 8; ++group)
    std::memset(tile + (group * kTile + first) * 4, 0, unused * 4);
  std::byte* scales = tile + numerics::IndexKeyLayout{dim}.code_bytes();
  for (int64_t block = 0; block < dim / numerics::kFp4Block; ++block)
    std::memset(scales + block * kTile + first, 0, unused);
}

// The first position whose projections a sequence of `length` tokens still needs: that of the block
// that is not complete, or where rows overlap of the one before.
int64_t FirstPending(const LayerShape& shape, int64_t length) {
  const int64_t block = length / shape.compress_ratio;
  return std::max<int64_t>(0, shape.overlapped ? block - 1 : block) * shape.compress_ratio;
}

// Calls visit(T* elements, int64_t count) for every piece of the layer's memory that a snapshot of
// `length` tokens holds, in its order. T is std::byte for window rows and float for projections;
// both are const if the layer is.
template <typename Layer, typename Visit>
void VisitState(Layer& layer, int64_t length, Visit&& visit) {
  auto& ring = layer.window;
  // The row that the next token replaces is not among those that it sees.
  for (int64_t p = std::max<int64_t>(0, length - ring.rows() + 1); p < length; ++p)
    visit(ring.row(p % ring.rows()), ring.cols());
  if (layer.shape.compress_ratio == 0) return;
  const int64_t first = FirstPending(layer.shape, length);
  for (auto* state : {&layer.compressor, &layer.index_compressor}) {
    if (state->slots() == 0) continue;
    for (auto* matrix : {&state->values, &state->scores})
      for (int64_t p = first; p < length; ++p)
        visit(matrix->row(p % state->slots()), matrix->cols());
  }
}

bool AreFinite(const std::byte* bytes, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    float value;
    std::memcpy(&value, bytes + i * static_cast<int64_t>(sizeof value), sizeof value);
    if (!std::isfinite(value)) return false;
  }
  return true;
}

}  // namespace

CacheBytes& CacheBytes::operator+=(const CacheBytes& other) {
  window += other.window;
  csa_rows += other.csa_rows;
  hca_rows += other.hca_rows;
  index_keys += other.index_keys;
  compressor_state += other.compressor_state;
  return *this;
}

LayerCache::LayerCache(const LayerShape& layer_shape, const std::shared_ptr<MemoryMeter>& meter)
    : shape(layer_shape), window(layer_shape.window, layer_shape.row.row_bytes()) {
  if (shape.compress_ratio == 0) return;
  rows = PagedRecords(shape.row.row_bytes(), kRowsPerPage, meter);
  compressor = MakeState(shape, shape.row.head_dim);
  if (shape.index_dim == 0) return;
  index_tiles = PagedRecords(numerics::IndexKeyLayout{shape.index_dim}.tile_bytes(),
                             kIndexTilesPerPage, meter);
  index_compressor = MakeState(shape, shape.index_dim);
}

LayerCache LayerCache::Fork() const {
  LayerCache fork(shape);
  fork.window = Clone(window);
  fork.rows = rows;
  fork.compressor = Clone(compressor);
  fork.index_tiles = index_tiles;
  fork.index_keys = index_keys;
  fork.index_compressor = Clone(index_compressor);
  return fork;
}

void LayerCache::TruncateBlocks(int64_t length) {
  if (shape.compress_ratio == 0) return;
  rows.Truncate(shape.RowCount(length));
  if (shape.index_dim == 0) return;
  const int64_t tiles = shape.TileCount(length);
  index_keys = shape.RowCount(length);
  index_tiles.Truncate(tiles);
  if (index_keys % numerics::kIndexTile == 0) return;
  index_tiles.Extend(tiles - 1, tiles);
  ClearKeys(shape.index_dim, index_keys % numerics::kIndexTile, index_tiles.record(tiles - 1));
}

CacheBytes LayerCache::bytes() const {
  CacheBytes bytes;
  bytes.window = static_cast<int64_t>(window.bytes());
  (shape.overlapped ? bytes.csa_rows : bytes.hca_rows) = rows.bytes();
  bytes.index_keys = index_tiles.bytes();
  bytes.compressor_state = compressor.bytes() + index_compressor.bytes();
  return bytes;
}

SequenceCache::SequenceCache(const std::vector<LayerShape>& shapes, int64_t main_layers,
                             std::shared_ptr<MemoryMeter> meter)
    : SequenceCache(
          [&] {
            std::vector<LayerCache> layers;
            layers.reserve(shapes.size());
            for (const LayerShape& shape : shapes) layers.emplace_back(shape, meter);
            return layers;
          }(),
          main_layers, meter) {}

SequenceCache::SequenceCache(std::vector<LayerCache> layers, int64_t main_layers,
                             std::shared_ptr<MemoryMeter> meter)
    : layers_(std::move(layers)),
      main_layers_(main_layers),
      meter_(std::move(meter)),
      fixed_(meter_, FixedBytes()) {}

SequenceCache SequenceCache::Fork() const {
  std::vector<LayerCache> layers;
  layers.reserve(layers_.size());
  for (const LayerCache& layer : layers_) layers.push_back(layer.Fork());
  SequenceCache fork(std::move(layers), main_layers_, meter_);
  fork.length_ = length_;
  fork.mtp_length_ = mtp_length_;
  return fork;
}

Snapshot SequenceCache::TakeSnapshot(int64_t back) const {
  FATHOM_CHECK(back >= 0 && back <= 1 && back <= length_);
  Snapshot snapshot{.length = length_ - back,
                    .mtp_length = std::max<int64_t>(0, mtp_length_ - back)};
  snapshot.state.reserve(static_cast<size_t>(SnapshotBytes(snapshot.length, snapshot.mtp_length)));
  for (int64_t l = 0; l < layer_count(); ++l)
    VisitState(layer(l), l < main_layers_ ? snapshot.length : snapshot.mtp_length,
               [&](const auto* elements, int64_t count) {
                 const auto bytes = std::as_bytes(std::span(elements, static_cast<size_t>(count)));
                 snapshot.state.insert(snapshot.state.end(), bytes.begin(), bytes.end());
               });
  snapshot.metered = MeteredBytes(meter_, snapshot.bytes());
  return snapshot;
}

void SequenceCache::Restore(const Snapshot& snapshot) {
  FATHOM_CHECK(snapshot.bytes() == SnapshotBytes(snapshot.length, snapshot.mtp_length));
  length_ = snapshot.length;
  mtp_length_ = snapshot.mtp_length;
  const std::byte* source = snapshot.state.data();
  for (int64_t l = 0; l < layer_count(); ++l) {
    layer(l).TruncateBlocks(length(l));
    VisitState(layer(l), length(l), [&](auto* elements, int64_t count) {
      const size_t bytes = static_cast<size_t>(count) * sizeof *elements;
      std::memcpy(elements, source, bytes);
      source += bytes;
    });
  }
}

Position SequenceCache::TakePosition(int64_t back) const {
  Position position{
      .layers = {}, .snapshot = std::make_shared<Snapshot>(TakeSnapshot(back)), .number = 0};
  position.layers.reserve(layers_.size());
  for (int64_t l = 0; l < layer_count(); ++l) {
    const LayerShape& shape = layer(l).shape;
    const int64_t seen =
        l < main_layers_ ? position.snapshot->length : position.snapshot->mtp_length;
    position.layers.push_back({layer(l).rows, layer(l).index_tiles});
    position.layers.back().rows.Truncate(shape.RowCount(seen));
    position.layers.back().index_tiles.Truncate(shape.TileCount(seen));
  }
  return position;
}

void SequenceCache::GoTo(const Position& position) {
  for (int64_t l = 0; l < layer_count(); ++l) {
    const LayerRows& layer_rows = position.layers[static_cast<size_t>(l)];
    layer(l).rows = layer_rows.rows;
    layer(l).index_tiles = layer_rows.index_tiles;
  }
  Restore(*position.snapshot);
}

int64_t SequenceCache::FixedBytes() const {
  int64_t bytes = 0;
  for (const LayerCache& layer : layers_)
    bytes += static_cast<int64_t>(layer.window.bytes()) + layer.compressor.bytes() +
             layer.index_compressor.bytes();
  return bytes;
}

int64_t SequenceCache::PageBytes(int64_t length) const {
  int64_t bytes = 0;
  for (const LayerCache& layer : layers_)
    bytes += layer.rows.BytesOf(layer.shape.RowCount(length)) +
             layer.index_tiles.BytesOf(layer.shape.TileCount(length));
  return bytes;
}

int64_t SequenceCache::SpareBytes() const {
  int64_t bytes = 0;
  for (const LayerCache& layer : layers_)
    bytes += layer.rows.page_bytes() + layer.index_tiles.page_bytes();
  return bytes;
}

int64_t SequenceCache::SnapshotBytes(int64_t length, int64_t mtp_length) const {
  int64_t bytes = 0;
  for (int64_t l = 0; l < layer_count(); ++l)
    VisitState(layer(l), l < main_layers_ ? length : mtp_length,
               [&](const auto* elements, int64_t count) {
                 bytes += count * static_cast<int64_t>(sizeof *elements);
               });
  return bytes;
}

bool SequenceCache::HasFiniteProjections(const Snapshot& snapshot) const {
  bool finite = true;
  const std::byte* source = snapshot.state.data();
  for (int64_t l = 0; l < layer_count(); ++l)
    VisitState(layer(l), l < main_layers_ ? snapshot.length : snapshot.mtp_length,
               [&]<typename T>(const T*, int64_t count) {
                 if constexpr (std::is_same_v<T, float>) finite &= AreFinite(source, count);
                 source += count * static_cast<int64_t>(sizeof(T));
               });
  return finite;
}

int64_t SequenceCache::CountPagesOnce(std::unordered_set<const std::byte*>* seen) const {
  int64_t bytes = 0;
  for (const LayerCache& layer : layers_)
    for (const PagedRecords* records : {&layer.rows, &layer.index_tiles})
      records->VisitPages([&](const std::byte* page) {
        if (seen->insert(page).second) bytes += records->page_bytes();
      });
  return bytes;
}

CacheBytes SequenceCache::bytes() const {
  CacheBytes bytes;
  for (const LayerCache& layer : layers_) bytes += layer.bytes();
  return bytes;
}

}  // namespace fathom::kv
