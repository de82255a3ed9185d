#include "model/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "model/compressor.h"
#include "model/indexer.h"

namespace fathom::model {
namespace {

using ops::MatmulTask;

numerics::RowLayout RowLayoutOf(const ModelConfig& config) {
  return {config.head_dim, config.qk_rope_head_dim};
}

CompressorPart RowCompressor(Pass& pass, const AttentionWeights& weights) {
  return {weights.compressor, pass.activations.attention.compressor, &kv::LayerCache::compressor,
          pass.config.head_dim};
}

// Everything that is projected from x, in one parallel region.
void ProjectInput(Pass& pass, const AttentionWeights& weights) {
  auto& act = pass.activations.attention;
  const int64_t tokens = pass.tokens();
  ops::QuantizeRows(pass.ops, pass.activations.x.data(), tokens, act.x);
  act.tasks.clear();
  act.tasks.push_back(MatmulTask::Whole(weights.wq_a, act.x.view(), tokens, act.q_latent.data()));
  act.tasks.push_back(MatmulTask::Whole(weights.wkv, act.x.view(), tokens, act.kv.data()));
  if (pass.plan().attention != AttentionKind::kWindow)
    AddCompressorTasks(pass, RowCompressor(pass, weights), act.tasks);
  if (pass.plan().attention == AttentionKind::kCsa)
    AddIndexerTasks(pass, weights.indexer, act.tasks);
  ops::Matmul(pass.ops, act.tasks);
}

// The normalised latent query, quantised, and the batch's window rows.
void MakeLatentsAndRows(Pass& pass, const AttentionWeights& weights) {
  auto& act = pass.activations.attention;
  const auto& kernels = pass.ops.kernels;
  const ModelConfig& config = pass.config;
  const int64_t rope_dim = config.qk_rope_head_dim;
  const bool compressed = pass.plan().attention != AttentionKind::kWindow;
  pass.ops.pool.ForRanges(pass.tokens(), 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t) {
      float* latent = act.q_latent.row(t);
      kernels.rms_norm(latent, weights.q_norm, config.rms_norm_eps, config.q_lora_rank, latent);
      kernels.quantize_activations(latent, config.q_lora_rank, act.q_latent_code.format(),
                                   act.q_latent_code.row(t));
      float* kv = act.kv.row(t);
      const auto rotation = pass.batch.rotation(t, compressed);
      kernels.rms_norm(kv, weights.kv_norm, config.rms_norm_eps, config.head_dim, kv);
      kernels.rotate(kv + config.head_dim - rope_dim, 1, 0, rotation.cosines, rotation.sines,
                     rope_dim / 2);
      kernels.pack_row(kv, RowLayoutOf(config), act.rows.row(t));
    }
  });
}

void ProjectQueries(Pass& pass, const AttentionWeights& weights, bool indexed) {
  auto& act = pass.activations.attention;
  act.tasks.clear();
  act.tasks.push_back(
      MatmulTask::Whole(weights.wq_b, act.q_latent_code.view(), pass.tokens(), act.query.data()));
  if (indexed)
    act.tasks.push_back(MatmulTask::Whole(weights.indexer.wq_b, act.q_latent_code.view(),
                                          pass.tokens(), act.indexer.query.data()));
  ops::Matmul(pass.ops, act.tasks);
}

void NormaliseAndRotateQueries(Pass& pass) {
  auto& act = pass.activations.attention;
  const auto& kernels = pass.ops.kernels;
  const ModelConfig& config = pass.config;
  const int64_t head_dim = config.head_dim;
  const int64_t rope_dim = config.qk_rope_head_dim;
  const int64_t heads = config.num_attention_heads;
  const bool compressed = pass.plan().attention != AttentionKind::kWindow;
  pass.ops.pool.ForRanges(
      pass.tokens() * heads, heads < 16 ? heads : 16, [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; ++i) {
          float* query = act.query.data() + i * head_dim;
          const auto rotation = pass.batch.rotation(i / heads, compressed);
          kernels.rms_norm(query, nullptr, config.rms_norm_eps, head_dim, query);
          kernels.rotate(query + head_dim - rope_dim, 1, 0, rotation.cosines, rotation.sines,
                         rope_dim / 2);
        }
      });
}

void AppendCompressedRows(Pass& pass, const AttentionWeights& weights) {
  for (const Batch::Run& run : pass.batch.runs()) {
    kv::PagedRecords& rows = run.cache->layer(pass.layer).rows;
    rows.Append((run.first_position + run.count) / pass.plan().compress_ratio - rows.size());
  }
  CompressBlocks(pass, RowCompressor(pass, weights),
                 [&](kv::LayerCache& cache, int64_t index, float* row, int) {
                   pass.ops.kernels.pack_row(row, RowLayoutOf(pass.config),
                                             cache.rows.record(index));
                 });
}

// What each token of the batch may read.
void ListVisibleRows(Pass& pass) {
  auto& act = pass.activations.attention;
  const LayerPlan& plan = pass.plan();
  const int64_t row_bytes = act.rows.cols();
  act.visible.clear();
  for (const Batch::Run& run : pass.batch.runs()) {
    const kv::LayerCache& cache = run.cache->layer(pass.layer);
    for (int64_t i = 0; i < run.count; ++i) {
      const int64_t position = run.first_position + i;
      ops::VisibleRows visible;
      visible.window = {.ring = &cache.window,
                        .fresh = act.rows.row(run.first_token),
                        .first_fresh = run.first_position,
                        .row_bytes = row_bytes};
      visible.window_begin = std::max<int64_t>(0, position + 1 - pass.config.sliding_window);
      visible.window_end = position + 1;
      if (plan.attention != AttentionKind::kWindow) {
        visible.rows = &cache.rows;
        visible.row_count = (position + 1) / plan.compress_ratio;
      }
      if (plan.attention == AttentionKind::kCsa && visible.row_count > pass.config.index_topk) {
        visible.selected = act.indexer.selected.row(run.first_token + i);
        visible.row_count = pass.config.index_topk;
      }
      act.visible.push_back(visible);
    }
  }
}

void ReportSelection(Pass& pass) {
  if (pass.observer == nullptr || pass.plan().attention != AttentionKind::kCsa) return;
  std::vector<int32_t> all;
  for (int64_t t = 0; t < pass.tokens(); ++t) {
    const ops::VisibleRows& visible = pass.activations.attention.visible[static_cast<size_t>(t)];
    const int32_t* rows = visible.selected;
    if (rows == nullptr) {
      all.resize(static_cast<size_t>(visible.row_count));
      for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int32_t>(i);
      rows = all.data();
    }
    pass.observer->OnSelected(pass.layer, t, {rows, static_cast<size_t>(visible.row_count)});
  }
}

// The batch's rows enter the rings once nobody reads the rows that they replace.
void KeepWindowRows(Pass& pass) {
  auto& act = pass.activations.attention;
  for (const Batch::Run& run : pass.batch.runs()) {
    tensor::Matrix<std::byte>& ring = run.cache->layer(pass.layer).window;
    for (int64_t i = std::max<int64_t>(0, run.count - ring.rows()); i < run.count; ++i)
      std::memcpy(ring.row((run.first_position + i) % ring.rows()),
                  act.rows.row(run.first_token + i), static_cast<size_t>(ring.cols()));
  }
}

// Inverse RoPE, then the grouped low-rank output: wo_a works on the float32 result of each group.
void ProjectOutput(Pass& pass, const AttentionWeights& weights) {
  auto& act = pass.activations.attention;
  const ModelConfig& config = pass.config;
  const int64_t tokens = pass.tokens();
  const int64_t rope_dim = config.qk_rope_head_dim;
  const bool compressed = pass.plan().attention != AttentionKind::kWindow;
  pass.ops.pool.ForRanges(tokens, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t) {
      const auto rotation = pass.batch.rotation(t, compressed);
      pass.ops.kernels.rotate(act.out.row(t) + config.head_dim - rope_dim,
                              config.num_attention_heads, config.head_dim, rotation.cosines,
                              rotation.negative_sines, rope_dim / 2);
    }
  });
  act.tasks.clear();
  const int64_t rank = config.o_lora_rank;
  for (int64_t group = 0; group < config.o_groups; ++group) {
    act.tasks.push_back({.weights = weights.wo_a,
                         .row_begin = group * rank,
                         .row_end = (group + 1) * rank,
                         .x = ops::ActivationRows::Float(act.out.data() + group * weights.wo_a.cols,
                                                         act.out.cols()),
                         .tokens = tokens,
                         .out = act.out_latent.data() + group * rank,
                         .out_stride = act.out_latent.cols()});
  }
  ops::Matmul(pass.ops, act.tasks);
  ops::QuantizeRows(pass.ops, act.out_latent.data(), tokens, act.out_code);
  const auto task =
      MatmulTask::Whole(weights.wo_b, act.out_code.view(), tokens, pass.activations.y.data());
  ops::Matmul(pass.ops, {&task, 1});
}

}  // namespace

ops::AttentionParams AttentionParamsOf(const ModelConfig& config, const float* sinks) {
  return {.layout = RowLayoutOf(config),
          .heads = config.num_attention_heads,
          .key_dim = config.head_dim,
          .value_dim = config.head_dim,
          .sinks = sinks,
          .scale = static_cast<float>(std::pow(static_cast<double>(config.head_dim), -0.5))};
}

void Attention(Pass& pass, const AttentionWeights& weights) {
  auto& act = pass.activations.attention;
  const bool csa = pass.plan().attention == AttentionKind::kCsa;
  const bool indexed = csa && NeedsSelection(pass);

  ProjectInput(pass, weights);
  MakeLatentsAndRows(pass, weights);
  ProjectQueries(pass, weights, indexed);
  NormaliseAndRotateQueries(pass);
  if (pass.plan().attention != AttentionKind::kWindow) AppendCompressedRows(pass, weights);
  if (csa) AppendIndexKeys(pass, weights.indexer);
  if (indexed) SelectCompressedRows(pass);
  ListVisibleRows(pass);
  ReportSelection(pass);
  ops::Attend(pass.ops, AttentionParamsOf(pass.config, weights.sinks), act.visible,
              act.query.data(), act.out.data(), act.partial);
  KeepWindowRows(pass);
  ProjectOutput(pass, weights);
}

}  // namespace fathom::model
