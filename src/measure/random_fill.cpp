#include "measure/random_fill.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "numerics/block_scale.h"

namespace fathom::measure {
namespace {

constexpr uint8_t kScaleOne = 127;  // UE8M0

/// Writes `bytes` bytes of random words, of each the bits in `keep`, with the bits in `set` set.
void FillWords(int64_t bytes, uint64_t keep, uint64_t set, RandomBits& random, std::byte* out) {
  for (int64_t i = 0; i < bytes; i += 8) {
    const uint64_t word = (random.Next() & keep) | set;
    std::memcpy(out + i, &word, static_cast<size_t>(std::min<int64_t>(8, bytes - i)));
  }
}

void FillState(RandomBits& random, kv::CompressorState& state) {
  for (tensor::Matrix<float>* matrix : {&state.values, &state.scores})
    for (int64_t i = 0; i < matrix->rows() * matrix->cols(); ++i)
      matrix->data()[i] = random.NextFloat();
}

}  // namespace

void FillRow(numerics::RowLayout layout, RandomBits& random, std::byte* row) {
  // Without the highest bit of its exponent an E4M3 code is neither NaN nor as large as 2.
  FillWords(layout.code_count(), 0xBFBF'BFBF'BFBF'BFBFu, 0, random, row);
  std::byte* scales = row + layout.code_count();
  std::memset(scales, 0, static_cast<size_t>(layout.rope_offset() - layout.code_count()));
  std::memset(scales, kScaleOne, static_cast<size_t>(layout.scale_count()));
  // Sign, three exponent bits and the fraction of a BF16; the exponent's others make it 2^-7 to 1.
  FillWords(2 * layout.rope_dim, 0x83FF'83FF'83FF'83FFu, 0x3C00'3C00'3C00'3C00u, random,
            row + layout.rope_offset());
}

void FillIndexTile(numerics::IndexKeyLayout layout, RandomBits& random, std::byte* tile) {
  FillWords(layout.code_bytes(), ~uint64_t{0}, 0, random, tile);
  FillWords(layout.tile_bytes() - layout.code_bytes(), 0x0303'0303'0303'0303u,
            0x7C7C'7C7C'7C7C'7C7Cu, random, tile + layout.code_bytes());
}

void FillLayer(int64_t tokens, RandomBits random, kv::LayerCache& layer) {
  const kv::LayerShape& shape = layer.shape;
  for (int64_t p = std::max<int64_t>(0, tokens - shape.window); p < tokens; ++p)
    FillRow(shape.row, random, layer.window.row(p % shape.window));
  if (shape.compress_ratio == 0) return;
  layer.rows.Append(shape.RowCount(tokens));
  for (int64_t r = 0; r < layer.rows.size(); ++r) FillRow(shape.row, random, layer.rows.record(r));
  FillState(random, layer.compressor);
  if (shape.index_dim == 0) return;
  layer.index_keys = shape.RowCount(tokens);
  layer.index_tiles.Append(shape.TileCount(tokens));
  for (int64_t t = 0; t < layer.index_tiles.size(); ++t)
    FillIndexTile({shape.index_dim}, random, layer.index_tiles.record(t));
  FillState(random, layer.index_compressor);
}

void FillSequence(int64_t tokens, uint64_t seed, base::ThreadPool& pool, kv::SequenceCache& cache) {
  FATHOM_CHECK(cache.length() == 0);
  pool.ForEach(cache.main_layers(), [&](int64_t l, int) {
    const uint64_t key = RandomBits(seed + static_cast<uint64_t>(l)).Next();
    FillLayer(tokens, RandomBits(key), cache.layer(l));
  });
  cache.Advance(tokens);
}

}  // namespace fathom::measure
