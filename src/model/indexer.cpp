#include "model/indexer.h"

#include <cmath>

#include "numerics/e2m1.h"

namespace fathom::model {
namespace {

using kernels::kMaxIndexDim;
using numerics::kFp4Block;
using numerics::kIndexTile;

int64_t VisibleRowCount(const Pass& pass, int64_t token) {
  return (pass.batch.position(token) + 1) / pass.plan().compress_ratio;
}

// Writes one key into its place in a tile (numerics::IndexKeyLayout).
void StoreKey(const uint8_t* codes, const uint8_t* scales, int64_t dim, int64_t key,
              std::byte* tile) {
  for (int64_t group = 0; group < dim / 8; ++group) {
    std::byte* dword = tile + (group * kIndexTile + key) * 4;
    for (int64_t b = 0; b < 4; ++b)
      dword[b] = static_cast<std::byte>(codes[8 * group + b] | codes[8 * group + 4 + b] << 4);
  }
  std::byte* tile_scales = tile + numerics::IndexKeyLayout{dim}.code_bytes();
  for (int64_t block = 0; block < dim / kFp4Block; ++block)
    tile_scales[block * kIndexTile + key] = static_cast<std::byte>(scales[block]);
}

// RoPE, Hadamard and FP4 of all heads of one token.
void EncodeQuery(Pass& pass, int64_t token) {
  const auto& kernels = pass.ops.kernels;
  auto& act = pass.activations.attention.indexer;
  const int64_t heads = pass.config.index_n_heads;
  const int64_t dim = pass.config.index_head_dim;
  const int64_t rope_dim = pass.config.qk_rope_head_dim;
  float* query = act.query.row(token);
  const auto rotation = pass.batch.rotation(token, true);
  kernels.rotate(query + dim - rope_dim, heads, dim, rotation.cosines, rotation.sines,
                 rope_dim / 2);
  uint8_t codes[kMaxIndexDim];
  uint8_t scales[kMaxIndexDim / kFp4Block];
  for (int64_t h = 0; h < heads; ++h) {
    kernels.hadamard(query + h * dim, dim);
    kernels.quantize_e2m1(query + h * dim, dim, codes, scales);
    int8_t* doubled = act.codes.row(token) + h * dim;
    float* block_scales = act.scales.row(token) + h * (dim / kFp4Block);
    for (int64_t i = 0; i < dim; ++i) doubled[i] = numerics::kE2m1Doubled[codes[i]];
    // The key's codes are doubled too: a quarter makes up for both.
    for (int64_t b = 0; b < dim / kFp4Block; ++b)
      block_scales[b] = numerics::Ue8m0ToFloat(scales[b]) * 0.25f;
  }
}

}  // namespace

CompressorPart IndexerCompressor(Pass& pass, const IndexerWeights& weights) {
  return {weights.compressor, pass.activations.attention.indexer.compressor,
          &kv::LayerCache::index_compressor, pass.config.index_head_dim};
}

void AddIndexerTasks(Pass& pass, const IndexerWeights& weights,
                     std::vector<ops::MatmulTask>& tasks) {
  const auto x = ops::ActivationRows::Float(pass.activations.x.data(), pass.activations.x.cols());
  AddCompressorTasks(pass, IndexerCompressor(pass, weights), tasks);
  tasks.push_back(ops::MatmulTask::Whole(weights.weights_proj, x, pass.tokens(),
                                         pass.activations.attention.indexer.head_weights.data()));
}

void AppendIndexKeys(Pass& pass, const IndexerWeights& weights) {
  const int64_t dim = pass.config.index_head_dim;
  for (const Batch::Run& run : pass.batch.runs()) {
    kv::LayerCache& cache = run.cache->layer(pass.layer);
    // The first new key may go into a tile that has room left.
    const int64_t first_tile = cache.index_keys / kIndexTile;
    cache.index_keys = cache.shape.RowCount(run.first_position + run.count);
    cache.index_tiles.Extend(first_tile, cache.shape.TileCount(run.first_position + run.count));
  }
  CompressBlocks(pass, IndexerCompressor(pass, weights),
                 [&](kv::LayerCache& cache, int64_t index, float* key, int) {
                   uint8_t codes[kMaxIndexDim];
                   uint8_t scales[kMaxIndexDim / kFp4Block];
                   pass.ops.kernels.hadamard(key, dim);
                   pass.ops.kernels.quantize_e2m1(key, dim, codes, scales);
                   StoreKey(codes, scales, dim, index % kIndexTile,
                            cache.index_tiles.record(index / kIndexTile));
                 });
}

bool NeedsSelection(const Pass& pass) {
  for (const Batch::Run& run : pass.batch.runs())
    if (VisibleRowCount(pass, run.first_token + run.count - 1) > pass.config.index_topk)
      return true;
  return false;
}

void SelectCompressedRows(Pass& pass) {
  auto& act = pass.activations.attention.indexer;
  const ModelConfig& config = pass.config;
  const float weight_scale = static_cast<float>(std::pow(config.index_head_dim, -0.5) *
                                                std::pow(config.index_n_heads, -0.5));
  pass.ops.pool.ForEach(pass.tokens(), [&](int64_t t, int) {
    if (VisibleRowCount(pass, t) <= config.index_topk) return;
    EncodeQuery(pass, t);
    for (int64_t h = 0; h < config.index_n_heads; ++h) act.head_weights.row(t)[h] *= weight_scale;
  });
  act.queries.clear();
  for (const Batch::Run& run : pass.batch.runs()) {
    const kv::LayerCache& cache = run.cache->layer(pass.layer);
    for (int64_t t = run.first_token; t < run.first_token + run.count; ++t) {
      if (VisibleRowCount(pass, t) <= config.index_topk) continue;
      act.queries.push_back({.query = act.codes.row(t),
                             .scales = act.scales.row(t),
                             .head_weights = act.head_weights.row(t),
                             .tiles = &cache.index_tiles,
                             .visible = VisibleRowCount(pass, t),
                             .selected = act.selected.row(t)});
    }
  }
  ops::SelectRows(pass.ops, {config.index_n_heads, config.index_head_dim, config.index_topk},
                  act.queries, act.scan);
}

}  // namespace fathom::model
