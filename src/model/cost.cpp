#include "model/cost.h"

#include <algorithm>
#include <span>

#include "model/tensor_names.h"
#include "model/weights.h"
#include "numerics/block_scale.h"

namespace fathom::model {
namespace {

/// Elements of one layer's matrices, by part.
struct LayerMatrices {
  int64_t attention = 0;
  int64_t compressor = 0;
  int64_t indexer_queries = 0;
  int64_t indexer_keys = 0;  ///< its compressor, and the weights of its heads
  int64_t router = 0;
  int64_t routed_expert = 0;
  int64_t shared_experts = 0;
  int64_t hyper_connection = 0;
};

LayerMatrices CountMatrices(const ModelConfig& c, const LayerPlan& plan) {
  LayerMatrices m;
  const int64_t d = c.hidden_size;
  const int64_t heads = c.num_attention_heads * c.head_dim;
  m.attention = d * c.q_lora_rank + c.q_lora_rank * heads + d * c.head_dim + heads * c.o_lora_rank +
                c.o_groups * c.o_lora_rank * d;
  if (plan.attention != AttentionKind::kWindow) {
    m.compressor = 2 * d * c.compressor_width(plan, c.head_dim);
  }
  if (plan.attention == AttentionKind::kCsa) {
    m.indexer_queries = c.q_lora_rank * c.index_n_heads * c.index_head_dim;
    m.indexer_keys = d * c.index_n_heads + 2 * d * c.compressor_width(plan, c.index_head_dim);
  }
  m.router = d * c.n_routed_experts;
  m.routed_expert = 3 * d * c.moe_intermediate_size;
  m.shared_experts = c.n_shared_experts * m.routed_expert;
  m.hyper_connection = 2 * c.hc_mix_rows() * c.hc_mult * d;
  return m;
}

/// Elements of one layer's vectors: norms, sinks, biases, positional scores.
int64_t CountVectors(const ModelConfig& c, const LayerPlan& plan) {
  int64_t count = 2 * c.hidden_size + c.q_lora_rank + c.head_dim + c.num_attention_heads;
  count += 2 * (c.hc_mix_rows() + 3);
  if (plan.router == RouterKind::kScored) count += c.n_routed_experts;
  if (plan.attention != AttentionKind::kWindow) {
    count += plan.compress_ratio * c.compressor_width(plan, c.head_dim) + c.head_dim;
  }
  if (plan.attention == AttentionKind::kCsa) {
    count += plan.compress_ratio * c.compressor_width(plan, c.index_head_dim) + c.index_head_dim;
  }
  return count;
}

/// The matrix that weighs the streams before an output head, with its base and scale.
int64_t CountHeadMix(const ModelConfig& c) { return c.hc_mult * c.hc_mult * c.hidden_size; }
int64_t CountHeadVectors(const ModelConfig& c) { return c.hc_mult + 1 + c.hidden_size; }

std::span<const LayerPlan> BackboneLayers(const ModelConfig& config) {
  return std::span(config.layers).first(static_cast<size_t>(config.num_hidden_layers));
}

/// Compressed rows that a layer keeps of `tokens` tokens.
int64_t CountRows(const LayerPlan& plan, int64_t tokens) {
  return plan.attention == AttentionKind::kWindow ? 0 : tokens / plan.compress_ratio;
}

/// Compressed rows that a token attends to.
int64_t CountRowsRead(const ModelConfig& config, const LayerPlan& plan, int64_t tokens) {
  const int64_t rows = CountRows(plan, tokens);
  return plan.attention == AttentionKind::kCsa ? std::min(rows, config.index_topk) : rows;
}

double AsDouble(int64_t count) { return static_cast<double>(count); }

/// Operations of a product with matrices of `elements` elements in all.
double MatrixFlops(int64_t elements) { return 2 * AsDouble(elements); }

void AddLayer(const ModelConfig& c, const LayerPlan& plan, int64_t tokens, TokenFlops* flops) {
  const LayerMatrices m = CountMatrices(c, plan);
  flops->attention.fp8 += MatrixFlops(m.attention);
  flops->compressor.bf16 += MatrixFlops(m.compressor);
  flops->indexer.fp8 += MatrixFlops(m.indexer_queries);
  flops->indexer.bf16 += MatrixFlops(m.indexer_keys);
  flops->router.bf16 += MatrixFlops(m.router);
  flops->experts.fp8 += MatrixFlops(m.shared_experts + c.num_experts_per_tok * m.routed_expert);
  flops->hyper_connection.fp32 += MatrixFlops(m.hyper_connection);
  if (plan.attention == AttentionKind::kCsa) {
    flops->indexer.fp4 +=
        MatrixFlops(c.index_n_heads * c.index_head_dim) * AsDouble(CountRows(plan, tokens));
  }
  const int64_t rows = std::min(tokens, c.sliding_window) + CountRowsRead(c, plan, tokens);
  flops->core_attention.bf16 +=
      2 * MatrixFlops(c.num_attention_heads * c.head_dim) * AsDouble(rows);
}

/// Bytes of a compressed or window row, and of an indexer key, in the published packing.
int64_t PackedRowBytes(const ModelConfig& c) {
  const int64_t codes = c.head_dim - c.qk_rope_head_dim;
  return (codes + codes / numerics::kRowBlock + 7) / 8 * 8 + c.qk_rope_head_dim * 2;
}
int64_t PackedKeyBytes(const ModelConfig& c) {
  return c.index_head_dim / 2 + c.index_head_dim / numerics::kFp4Block;
}

/// Bytes of the float32 values and scores of the tokens that a compressor still needs.
int64_t CompressorStateBytes(const ModelConfig& c, const LayerPlan& plan, int64_t dim) {
  const int64_t slots = plan.overlapped ? 2 * plan.compress_ratio : plan.compress_ratio;
  return slots * 2 * c.compressor_width(plan, dim) * static_cast<int64_t>(sizeof(float));
}

/// The bytes of rows, counted by `count_rows(plan)`, and of the keys and the window beside them.
template <typename CountRowsOf>
kv::CacheBytes CountRowBytes(const ModelConfig& config, int64_t tokens, CountRowsOf count_rows) {
  kv::CacheBytes bytes;
  const int64_t row_bytes = PackedRowBytes(config);
  for (const LayerPlan& plan : BackboneLayers(config)) {
    const bool is_csa = plan.attention == AttentionKind::kCsa;
    (is_csa ? bytes.csa_rows : bytes.hca_rows) += count_rows(plan) * row_bytes;
    if (is_csa) bytes.index_keys += CountRows(plan, tokens) * PackedKeyBytes(config);
    bytes.window += std::min(tokens, config.sliding_window) * row_bytes;
  }
  return bytes;
}

/// DeepSeek-V3.2's published dimensions.
struct V32 {
  static constexpr int64_t kLayers = 61;
  static constexpr int64_t kDenseLayers = 3;
  static constexpr int64_t kHidden = 7168;
  static constexpr int64_t kHeads = 128;
  static constexpr int64_t kNopeDim = 128;
  static constexpr int64_t kRopeDim = 64;
  static constexpr int64_t kValueDim = 128;
  static constexpr int64_t kQueryRank = 1536;
  static constexpr int64_t kLatentDim = 512;
  static constexpr int64_t kIndexHeads = 64;
  static constexpr int64_t kIndexDim = 128;
  static constexpr int64_t kIndexTopk = 2048;
  static constexpr int64_t kExperts = 256;
  static constexpr int64_t kExpertsPerToken = 8 + 1;  // with the shared one
  static constexpr int64_t kExpertWidth = 2048;
  static constexpr int64_t kDenseWidth = 18432;
  static constexpr int64_t kVocab = 129280;
};

}  // namespace

Flops& Flops::operator+=(const Flops& other) {
  fp4 += other.fp4;
  fp8 += other.fp8;
  bf16 += other.bf16;
  fp32 += other.fp32;
  return *this;
}

Flops TokenFlops::total() const {
  Flops sum;
  for (const Flops& part :
       {attention, compressor, indexer, core_attention, router, experts, hyper_connection, head}) {
    sum += part;
  }
  return sum;
}

TokenFlops CountTokenFlops(const ModelConfig& config, int64_t tokens) {
  FATHOM_CHECK(tokens >= 0);
  TokenFlops flops;
  for (const LayerPlan& plan : BackboneLayers(config)) AddLayer(config, plan, tokens, &flops);
  flops.head.bf16 = MatrixFlops(config.vocab_size * config.hidden_size);
  return flops;
}

TokenFlops CountV32TokenFlops(int64_t tokens) {
  FATHOM_CHECK(tokens >= 0);
  TokenFlops layer;
  layer.attention.fp8 =
      MatrixFlops(V32::kHidden * V32::kQueryRank +
                  V32::kQueryRank * V32::kHeads * (V32::kNopeDim + V32::kRopeDim) +
                  V32::kHidden * (V32::kLatentDim + V32::kRopeDim) +
                  V32::kHeads * V32::kValueDim * V32::kHidden);
  // Absorbed: queries go into the latent space, and outputs come back from it.
  layer.attention.bf16 =
      MatrixFlops(V32::kLatentDim * V32::kHeads * (V32::kNopeDim + V32::kValueDim));
  layer.indexer.fp8 = MatrixFlops(V32::kQueryRank * V32::kIndexHeads * V32::kIndexDim +
                                  V32::kHidden * V32::kIndexDim) +
                      MatrixFlops(V32::kIndexHeads * V32::kIndexDim) * AsDouble(tokens);
  layer.indexer.bf16 = MatrixFlops(V32::kHidden * V32::kIndexHeads);
  layer.core_attention.bf16 = MatrixFlops(V32::kHeads * (2 * V32::kLatentDim + V32::kRopeDim)) *
                              AsDouble(std::min(tokens, V32::kIndexTopk));

  TokenFlops flops;
  for (int64_t l = 0; l < V32::kLayers; ++l) {
    flops.attention += layer.attention;
    flops.indexer += layer.indexer;
    flops.core_attention += layer.core_attention;
    const bool dense = l < V32::kDenseLayers;
    const int64_t width = dense ? V32::kDenseWidth : V32::kExpertsPerToken * V32::kExpertWidth;
    flops.experts.fp8 += MatrixFlops(3 * V32::kHidden * width);
    if (!dense) flops.router.bf16 += MatrixFlops(V32::kHidden * V32::kExperts);
  }
  flops.head.bf16 = MatrixFlops(V32::kVocab * V32::kHidden);
  return flops;
}

kv::CacheBytes CountKvBytes(const ModelConfig& config, int64_t tokens) {
  FATHOM_CHECK(tokens >= 0);
  kv::CacheBytes bytes =
      CountRowBytes(config, tokens, [&](const LayerPlan& plan) { return CountRows(plan, tokens); });
  for (const LayerPlan& plan : BackboneLayers(config)) {
    if (plan.attention == AttentionKind::kWindow) continue;
    bytes.compressor_state += CompressorStateBytes(config, plan, config.head_dim);
    if (plan.attention != AttentionKind::kCsa) continue;
    bytes.compressor_state += CompressorStateBytes(config, plan, config.index_head_dim);
  }
  return bytes;
}

kv::CacheBytes CountKvBytesRead(const ModelConfig& config, int64_t tokens) {
  FATHOM_CHECK(tokens >= 0);
  return CountRowBytes(config, tokens,
                       [&](const LayerPlan& plan) { return CountRowsRead(config, plan, tokens); });
}

int64_t CountV32KvBytes(int64_t tokens) {
  FATHOM_CHECK(tokens >= 0);
  // A float32 scale goes with 128 FP8 elements, of latents and of indexer keys.
  constexpr int64_t kLatentBytes = V32::kLatentDim + V32::kLatentDim / 128 * 4 + V32::kRopeDim * 2;
  constexpr int64_t kKeyBytes = V32::kIndexDim + V32::kIndexDim / 128 * 4;
  return V32::kLayers * (kLatentBytes + kKeyBytes) * tokens;
}

int64_t CountGqa8KvBytes(const ModelConfig& config, int64_t tokens) {
  FATHOM_CHECK(tokens >= 0);
  constexpr int64_t kTokenBytes = 2 * 8 * 128 * 2;  // keys and values of 8 heads of 128, BF16
  return config.num_hidden_layers * kTokenBytes * tokens;
}

ParameterCount CountParameters(const ModelConfig& config) {
  const int64_t d = config.hidden_size;
  ParameterCount count;
  for (size_t l = 0; l < config.layers.size(); ++l) {
    const LayerPlan& plan = config.layers[l];
    const LayerMatrices m = CountMatrices(config, plan);
    const int64_t outside_experts = m.attention + m.compressor + m.indexer_queries +
                                    m.indexer_keys + m.router + m.shared_experts +
                                    m.hyper_connection;
    const int64_t all =
        outside_experts + config.n_routed_experts * m.routed_expert + CountVectors(config, plan);
    if (l < BackboneLayers(config).size()) {
      count.backbone += all;
      count.active += outside_experts + config.num_experts_per_tok * m.routed_expert;
    } else {
      // Two projections and three norms join the stream and the next token's embedding.
      count.mtp += all + 2 * d * d + 2 * d + CountHeadMix(config) + CountHeadVectors(config);
    }
  }
  const int64_t head = config.vocab_size * d;
  count.backbone += 2 * head + CountHeadMix(config) + CountHeadVectors(config);
  count.active += head;
  return count;
}

WeightBytes CountWeightBytes(const ModelConfig& config) {
  ModelConfig backbone = config;
  backbone.num_nextn_predict_layers = 0;
  backbone.layers.resize(static_cast<size_t>(config.num_hidden_layers));
  ModelWeights weights;
  WeightBytes bytes;
  int64_t experts = 0;
  ForEachTensor(backbone, weights, [&](const TensorSlot& slot) {
    const bool is_embedding = slot.target == TensorSlot::Target(&weights.embed.data);
    if (is_embedding || slot.kind == TensorKind::kExpertIds) return;
    const int64_t size = tensor::ElementCount(slot.shape) * tensor::SizeOf(slot.dtype);
    (slot.is_routed ? experts : bytes.always) += size;
  });
  bytes.expert = experts / (config.num_hidden_layers * config.n_routed_experts);
  return bytes;
}

}  // namespace fathom::model
