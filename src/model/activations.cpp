#include "model/activations.h"

namespace fathom::model {
namespace {

using tensor::WeightFormat;

WeightFormat ExpertWeightFormat(const ModelConfig& config) {
  return config.expert_format == ExpertFormat::kFp4 ? WeightFormat::kE2m1 : WeightFormat::kE4m3;
}

CompressorActivations MakeCompressor(int64_t tokens, int threads, int64_t dim) {
  // Twice the head is the widest that a layer can have (overlapped rows).
  return {Matrix<float>(tokens, 2 * dim), Matrix<float>(tokens, 2 * dim),
          Matrix<float>(threads, dim)};
}

IndexerActivations MakeIndexer(const ModelConfig& c, int64_t tokens, int threads) {
  IndexerActivations a;
  const int64_t width = c.index_n_heads * c.index_head_dim;
  a.compressor = MakeCompressor(tokens, threads, c.index_head_dim);
  a.query = Matrix<float>(tokens, width);
  a.codes = Matrix<int8_t>(tokens, width);
  a.scales = Matrix<float>(tokens, width / numerics::kFp4Block);
  a.head_weights = Matrix<float>(tokens, c.index_n_heads);
  a.selected = Matrix<int32_t>(tokens, c.index_topk);
  a.queries.reserve(static_cast<size_t>(tokens));
  return a;
}

AttentionActivations MakeAttention(const ModelConfig& c, const kernels::KernelTable& kernels,
                                   int threads, int64_t tokens) {
  AttentionActivations a;
  const int64_t width = c.num_attention_heads * c.head_dim;
  const int64_t latent = c.o_groups * c.o_lora_rank;
  const numerics::RowLayout layout{c.head_dim, c.qk_rope_head_dim};
  a.x = ops::QuantizedRows(kernels, WeightFormat::kE4m3, tokens, c.hidden_size);
  a.q_latent = Matrix<float>(tokens, c.q_lora_rank);
  a.q_latent_code = ops::QuantizedRows(kernels, WeightFormat::kE4m3, tokens, c.q_lora_rank);
  a.query = Matrix<float>(tokens, width);
  a.kv = Matrix<float>(tokens, c.head_dim);
  a.rows = Matrix<std::byte>(tokens, layout.row_bytes());
  a.out = Matrix<float>(tokens, width);
  a.out_latent = Matrix<float>(tokens, latent);
  a.out_code = ops::QuantizedRows(kernels, WeightFormat::kE4m3, tokens, latent);
  a.compressor = MakeCompressor(tokens, threads, c.head_dim);
  a.indexer = MakeIndexer(c, tokens, threads);
  a.visible.reserve(static_cast<size_t>(tokens));
  a.tasks.reserve(static_cast<size_t>(8 + c.o_groups));
  return a;
}

MoeActivations MakeMoe(const ModelConfig& c, const kernels::KernelTable& kernels, int64_t tokens) {
  MoeActivations a;
  const WeightFormat routed = ExpertWeightFormat(c);
  const int64_t slots = tokens * c.num_experts_per_tok;
  const int64_t shared_inter = c.moe_intermediate_size * c.n_shared_experts;
  a.x = ops::QuantizedRows(kernels, WeightFormat::kE4m3, tokens, c.hidden_size);
  a.x_routed = ops::QuantizedRows(kernels, routed, tokens, c.hidden_size);
  a.scores = Matrix<float>(tokens, c.n_routed_experts);
  a.experts = Matrix<int32_t>(tokens, c.num_experts_per_tok);
  a.weights = Matrix<float>(tokens, c.num_experts_per_tok);
  a.slot_rows.resize(static_cast<size_t>(slots));
  a.slot_weights.resize(static_cast<size_t>(slots));
  a.slots = Matrix<int32_t>(tokens, c.num_experts_per_tok);
  a.expert_begin.resize(static_cast<size_t>(c.n_routed_experts + 1));
  a.expert_next.resize(static_cast<size_t>(c.n_routed_experts));
  a.uses.reserve(static_cast<size_t>(c.n_routed_experts));
  a.gate = Matrix<float>(slots, c.moe_intermediate_size);
  a.up = Matrix<float>(slots, c.moe_intermediate_size);
  a.mid = ops::QuantizedRows(kernels, routed, slots, c.moe_intermediate_size);
  a.down = Matrix<float>(slots, c.hidden_size);
  a.shared_gate = Matrix<float>(tokens, shared_inter);
  a.shared_up = Matrix<float>(tokens, shared_inter);
  a.shared_mid = ops::QuantizedRows(kernels, WeightFormat::kE4m3, tokens, shared_inter);
  a.tasks.reserve(static_cast<size_t>(2 * c.n_routed_experts));
  return a;
}

MtpActivations MakeMtp(const ModelConfig& c, const kernels::KernelTable& kernels, int64_t tokens) {
  MtpActivations a;
  a.embedding = Matrix<float>(tokens, c.hidden_size);
  a.embedding_code = ops::QuantizedRows(kernels, WeightFormat::kE4m3, tokens, c.hidden_size);
  a.embedding_projected = Matrix<float>(tokens, c.hidden_size);
  a.streams = Matrix<float>(tokens, c.hc_mult * c.hidden_size);
  a.streams_code =
      ops::QuantizedRows(kernels, WeightFormat::kE4m3, tokens * c.hc_mult, c.hidden_size);
  return a;
}

}  // namespace

Activations::Activations(const ModelConfig& c, const kernels::KernelTable& kernels, int threads,
                         int64_t tokens)
    : max_tokens(tokens),
      streams(tokens, c.hc_mult * c.hidden_size),
      mtp_streams(tokens, c.hc_mult * c.hidden_size),
      x(tokens, c.hidden_size),
      y(tokens, c.hidden_size),
      hc{Matrix<float>(tokens, c.hc_mix_rows()), Matrix<float>(tokens, c.hc_mult),
         Matrix<float>(tokens, c.hc_mult), Matrix<float>(tokens, c.hc_mult * c.hc_mult)},
      attention(MakeAttention(c, kernels, threads, tokens)),
      moe(MakeMoe(c, kernels, tokens)),
      mtp(MakeMtp(c, kernels, tokens)) {}

}  // namespace fathom::model
