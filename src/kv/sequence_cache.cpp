#include "kv/sequence_cache.h"

namespace fathom::kv {
namespace {

// Large enough that a page's header and rounding are noise, small enough that a short sequence does
// not pay for a long one: at head_dim 512, 256 compressed rows are 182 KB a layer.
constexpr int64_t kRowsPerPage = 256;
constexpr int64_t kIndexTilesPerPage = 64;

CompressorState MakeState(const LayerShape& shape, int64_t dim) {
  const int64_t blocks = shape.overlapped ? 2 : 1;
  const int64_t slots = blocks * shape.compress_ratio;
  const int64_t width = blocks * dim;
  return {tensor::Matrix<float>(slots, width), tensor::Matrix<float>(slots, width)};
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

LayerCache::LayerCache(const LayerShape& layer_shape)
    : shape(layer_shape), window(layer_shape.window, layer_shape.row.row_bytes()) {
  if (shape.compress_ratio == 0) return;
  rows = PagedRecords(shape.row.row_bytes(), kRowsPerPage);
  compressor = MakeState(shape, shape.row.head_dim);
  if (shape.index_dim == 0) return;
  index_tiles =
      PagedRecords(numerics::IndexKeyLayout{shape.index_dim}.tile_bytes(), kIndexTilesPerPage);
  index_compressor = MakeState(shape, shape.index_dim);
}

CacheBytes LayerCache::bytes() const {
  CacheBytes bytes;
  bytes.window = static_cast<int64_t>(window.bytes());
  (shape.overlapped ? bytes.csa_rows : bytes.hca_rows) = rows.bytes();
  bytes.index_keys = index_tiles.bytes();
  bytes.compressor_state = compressor.bytes() + index_compressor.bytes();
  return bytes;
}

SequenceCache::SequenceCache(const std::vector<LayerShape>& shapes, int64_t main_layers)
    : main_layers_(main_layers) {
  layers_.reserve(shapes.size());
  for (const LayerShape& shape : shapes) layers_.emplace_back(shape);
}

CacheBytes SequenceCache::bytes() const {
  CacheBytes bytes;
  for (const LayerCache& layer : layers_) bytes += layer.bytes();
  return bytes;
}

}  // namespace fathom::kv
