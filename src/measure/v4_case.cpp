#include "measure/v4_case.h"

#include <algorithm>
#include <numeric>

#include "measure/attention_check.h"
#include "measure/random_fill.h"
#include "model/attention.h"
#include "model/model.h"
#include "numerics/e2m1.h"
#include "ops/attention.h"
#include "ops/index_select.h"

namespace fathom::measure {
namespace {

using model::ModelConfig;

/// What a token attends to in a layer.
struct Visible {
  int64_t window = 0;
  int64_t rows = 0;      ///< compressed ones
  int64_t read = 0;      ///< of them
  bool indexed = false;  ///< whether the indexer picks those

  Visible(const ModelConfig& config, const kv::LayerShape& shape, int64_t tokens)
      : window(std::min(tokens, shape.window)), rows(shape.RowCount(tokens)), read(rows) {
    indexed = shape.index_dim > 0 && rows > config.index_topk;
    if (indexed) read = config.index_topk;
  }
};

class V4Case final : public AttentionCase {
 public:
  V4Case(const AttentionSetting& setting, const ModelConfig& config, const model::LayerPlan& plan,
         int64_t tokens)
      : config_(config),
        cache_(model::CacheShapeOf(config, plan)),
        visible_(config, cache_.shape, tokens),
        params_(model::AttentionParamsOf(config, nullptr)),
        context_(setting.kernels, setting.pool, ops::AttentionScratchBytes(params_)) {
    RandomBits random(setting.seed);
    FillLayer(tokens, RandomBits(random.Next()), cache_);
    FillFloats(random, config.num_attention_heads * config.head_dim, query_);
    FillFloats(random, config.num_attention_heads, sinks_);
    params_.sinks = sinks_.data();
    out_.resize(query_.size());
    if (visible_.indexed) MakeIndexQuery(random);
    rows_ = {.window = {.ring = &cache_.window,
                        .first_fresh = tokens,
                        .row_bytes = cache_.shape.row.row_bytes()},
             .window_begin = tokens - visible_.window,
             .window_end = tokens,
             .rows = &cache_.rows,
             .selected = visible_.indexed ? selected_.data() : nullptr,
             .row_count = visible_.read};
  }

  void Run() override {
    if (visible_.indexed)
      ops::SelectRows(context_, {config_.index_n_heads, config_.index_head_dim, config_.index_topk},
                      {&index_query_, 1}, scores_);
    ops::Attend(context_, params_, {&rows_, 1}, query_.data(), out_.data(), partial_);
  }

  base::Status Check() const override {
    if (visible_.indexed)
      FATHOM_TRY(
          CheckSelection(visible_.rows, selected_, [&](int64_t key) { return ScoreExactly(key); }));
    for (const int64_t head : {int64_t{0}, params_.heads - 1})
      FATHOM_TRY(CheckHead(params_, rows_, head, query_.data() + head * params_.key_dim,
                           out_.data() + head * params_.value_dim));
    return {};
  }

 private:
  static void FillFloats(RandomBits& random, int64_t count, std::vector<float>& values) {
    values.resize(static_cast<size_t>(count));
    for (float& value : values) value = random.NextFloat();
  }

  void MakeIndexQuery(RandomBits& random) {
    codes_.resize(static_cast<size_t>(config_.index_n_heads * config_.index_head_dim));
    for (int8_t& code : codes_) code = numerics::kE2m1Doubled[random.Next() % 16];
    // Block scales of 1/4 to 1, times 1/4.
    index_scales_.resize(codes_.size() / numerics::kFp4Block);
    for (float& scale : index_scales_) scale = 0.25f / static_cast<float>(1 << random.Next() % 3);
    FillFloats(random, config_.index_n_heads, head_weights_);
    selected_.resize(static_cast<size_t>(config_.index_topk));
    index_query_ = {.query = codes_.data(),
                    .scales = index_scales_.data(),
                    .head_weights = head_weights_.data(),
                    .tiles = &cache_.index_tiles,
                    .visible = visible_.rows,
                    .selected = selected_.data()};
  }

  double ScoreExactly(int64_t key) const {
    const auto values = DecodeIndexKey(cache_.index_tiles.record(key / numerics::kIndexTile),
                                       key % numerics::kIndexTile, {config_.index_head_dim});
    double score = 0;
    for (int64_t h = 0; h < config_.index_n_heads; ++h) {
      double dot = 0;
      for (size_t d = 0; d < values.size(); ++d) {
        const size_t i = static_cast<size_t>(h) * values.size() + d;
        // Half the doubled code, times four times the quartered scale.
        dot += 2.0 * codes_[i] * index_scales_[i / numerics::kFp4Block] * values[d];
      }
      score += std::max(dot, 0.0) * head_weights_[static_cast<size_t>(h)];
    }
    return score;
  }

  const ModelConfig& config_;
  kv::LayerCache cache_;
  Visible visible_;
  ops::AttentionParams params_;
  ops::Context context_;
  std::vector<float> query_;  // [heads, head_dim]
  std::vector<float> sinks_;  // [heads]
  std::vector<float> out_;    // [heads, head_dim]
  ops::VisibleRows rows_;
  std::vector<int8_t> codes_;        // [index_heads, index_dim]
  std::vector<float> index_scales_;  // [index_heads, index_dim / 32]
  std::vector<float> head_weights_;  // [index_heads]
  std::vector<int32_t> selected_;    // [index_topk]
  ops::IndexQuery index_query_;
  ops::GrowingScratch scores_;
  ops::GrowingScratch partial_;
};

}  // namespace

AttentionWork CountV4Work(const ModelConfig& config, const model::LayerPlan& plan, int64_t tokens) {
  const kv::LayerShape shape = model::CacheShapeOf(config, plan);
  const Visible visible(config, shape, tokens);
  const int64_t row_bytes = shape.row.row_bytes();
  const int64_t key_bytes =
      numerics::IndexKeyLayout{shape.index_dim}.tile_bytes() / numerics::kIndexTile;
  AttentionWork work;
  work.cache_bytes = (visible.window + visible.rows) * row_bytes + visible.rows * key_bytes;
  work.bytes_read = (visible.window + visible.read) * row_bytes;
  work.macs = static_cast<double>(2 * config.num_attention_heads * config.head_dim *
                                  (visible.window + visible.read));
  if (!visible.indexed) return work;
  work.bytes_read += visible.rows * key_bytes;
  work.macs += static_cast<double>(config.index_n_heads * config.index_head_dim * visible.rows);
  return work;
}

std::unique_ptr<AttentionCase> MakeV4Case(const AttentionSetting& setting,
                                          const ModelConfig& config, const model::LayerPlan& plan,
                                          int64_t tokens) {
  return std::make_unique<V4Case>(setting, config, plan, tokens);
}

}  // namespace fathom::measure
