#include "cli/kv_figures.h"

#include <numeric>
#include <span>

#include "model/cost.h"
#include "numerics/row_layout.h"

namespace fathom::cli {
namespace {

using model::AttentionKind;
using model::LayerPlan;
using model::ModelConfig;

std::span<const LayerPlan> BackboneLayers(const ModelConfig& config) {
  return std::span(config.layers).first(static_cast<size_t>(config.num_hidden_layers));
}

numerics::RowLayout RowLayoutOf(const ModelConfig& config) {
  return {config.head_dim, config.qk_rope_head_dim};
}

}  // namespace

int64_t GrowingBytes(const kv::CacheBytes& bytes) {
  return bytes.csa_rows + bytes.hca_rows + bytes.index_keys;
}

double PublishedBytesPerToken(const ModelConfig& config) {
  int64_t block = 1;
  for (const LayerPlan& plan : BackboneLayers(config))
    if (plan.compress_ratio > 0) block = std::lcm(block, int64_t{plan.compress_ratio});
  return static_cast<double>(GrowingBytes(model::CountKvBytes(config, block))) /
         static_cast<double>(block);
}

double EngineBytesPerToken(const ModelConfig& config) {
  const int64_t row = RowLayoutOf(config).row_bytes();
  const int64_t key =
      numerics::IndexKeyLayout{config.index_head_dim}.tile_bytes() / numerics::kIndexTile;
  double bytes = 0;
  for (const LayerPlan& plan : BackboneLayers(config)) {
    if (plan.attention == AttentionKind::kWindow) continue;
    const int64_t kept = plan.attention == AttentionKind::kCsa ? row + key : row;
    bytes += static_cast<double>(kept) / plan.compress_ratio;
  }
  return bytes;
}

int64_t EngineFixedBytes(const ModelConfig& config) {
  const auto layers = static_cast<int64_t>(config.layers.size());
  return layers * config.sliding_window * RowLayoutOf(config).row_bytes() +
         model::CountKvBytes(config, 0).compressor_state;
}

}  // namespace fathom::cli
