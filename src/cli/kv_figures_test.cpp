#include "cli/kv_figures.h"

#include <gtest/gtest.h>

#include "model/presets.h"

namespace fathom::cli {
namespace {

using model::AttentionKind;
using model::LayerPlan;

/// The cache that the engine keeps of a layer.
kv::LayerCache MakeCache(const model::ModelConfig& config, const LayerPlan& plan) {
  return kv::LayerCache(
      {.row = {config.head_dim, config.qk_rope_head_dim},
       .window = config.sliding_window,
       .compress_ratio = plan.compress_ratio,
       .overlapped = plan.overlapped,
       .index_dim = plan.attention == AttentionKind::kCsa ? config.index_head_dim : 0});
}

// What the figures say is what the caches take, where pages are full.
TEST(KvFigures, AreWhatTheCachesTake) {
  for (const char* name : {"flash", "pro"}) {
    const auto config = model::ParseConfig(model::PresetConfig(name).value(), name).value();
    constexpr int64_t kTokens = 1 << 15;
    int64_t fixed = 0;
    int64_t grown = 0;
    for (const LayerPlan& plan : config.layers) {
      kv::LayerCache cache = MakeCache(config, plan);
      fixed += cache.bytes().total();
      if (plan.attention == AttentionKind::kWindow) continue;
      cache.rows.Append(kTokens / plan.compress_ratio);
      if (plan.attention == AttentionKind::kCsa)
        cache.index_tiles.Append(kTokens / plan.compress_ratio / numerics::kIndexTile);
      grown += GrowingBytes(cache.bytes());
    }
    EXPECT_EQ(EngineFixedBytes(config), fixed) << name;
    EXPECT_DOUBLE_EQ(EngineBytesPerToken(config) * kTokens, static_cast<double>(grown)) << name;
  }
}

TEST(KvFigures, ThePublishedPackingHasThePublishedSizes) {
  const auto bytes_of = [](const char* name) {
    return PublishedBytesPerToken(
        model::ParseConfig(model::PresetConfig(name).value(), name).value());
  };
  EXPECT_DOUBLE_EQ(bytes_of("flash"), 21 * 652 / 4.0 + 20 * 584 / 128.0);
  EXPECT_DOUBLE_EQ(bytes_of("pro"), 30 * 652 / 4.0 + 31 * 584 / 128.0);
}

}  // namespace
}  // namespace fathom::cli
