#include "model/model.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "model/attention.h"
#include "model/hyper_connection.h"
#include "model/moe.h"
#include "numerics/bf16.h"

namespace fathom::model {
namespace {

// The rotation of the first layer with or without compressed rows. A model that has none of that
// kind never asks for it.
RopePlan RopePlanOf(const ModelConfig& config, bool compressed) {
  for (const LayerPlan& plan : config.layers)
    if ((plan.attention != AttentionKind::kWindow) == compressed) return plan.rope;
  return {};
}

size_t ScratchBytes(const ModelConfig& config, const kernels::KernelTable& kernels) {
  const int64_t widest = std::max({config.hc_mult * config.hidden_size, config.q_lora_rank,
                                   config.o_groups * config.o_lora_rank,
                                   config.num_attention_heads * config.head_dim / config.o_groups,
                                   config.moe_intermediate_size * config.n_shared_experts});
  return std::max(ops::MatmulScratchBytes(kernels, widest),
                  ops::AttentionScratchBytes(AttentionParamsOf(config, nullptr)));
}

void CopyEmbedding(const WeightMatrix& embed, int32_t id, float* out) {
  const std::byte* row = embed.row(id);
  for (int64_t d = 0; d < embed.cols; ++d) {
    uint16_t bits;
    std::memcpy(&bits, row + 2 * d, sizeof bits);
    out[d] = numerics::Bf16ToFloat(bits);
  }
}

}  // namespace

kv::LayerShape CacheShapeOf(const ModelConfig& config, const LayerPlan& plan) {
  return {.row = {config.head_dim, config.qk_rope_head_dim},
          .window = config.sliding_window,
          .compress_ratio = plan.compress_ratio,
          .overlapped = plan.overlapped,
          .index_dim = plan.attention == AttentionKind::kCsa ? config.index_head_dim : 0};
}

Model::Model(const ModelConfig& config, const ModelWeights& weights,
             const kernels::KernelTable& kernels, base::ThreadPool& pool, int64_t max_batch_tokens)
    : config_(config),
      weights_(weights),
      activations_(config, kernels, pool.size(), max_batch_tokens),
      ops_(kernels, pool, ScratchBytes(config, kernels)),
      window_rope_(RopePlanOf(config, false), config.qk_rope_head_dim),
      compressed_rope_(RopePlanOf(config, true), config.qk_rope_head_dim),
      batch_(max_batch_tokens, config.qk_rope_head_dim),
      mtp_batch_(max_batch_tokens, config.qk_rope_head_dim) {}

kv::SequenceCache Model::NewSequence(std::shared_ptr<kv::MemoryMeter> meter) const {
  std::vector<kv::LayerShape> shapes;
  for (const LayerPlan& plan : config_.layers) shapes.push_back(CacheShapeOf(config_, plan));
  return kv::SequenceCache(shapes, config_.num_hidden_layers, std::move(meter));
}

Pass Model::MakePass(const Batch& batch, int64_t layer, ForwardObserver* observer) {
  return {config_, ops_, activations_, batch, compressed_rope_, *weights_.experts, observer, layer};
}

base::Status Model::Forward(std::span<const Slice> slices, ForwardObserver* observer) {
  StartBatch(slices);
  Embed();
  for (int64_t layer = 0; layer < config_.num_hidden_layers; ++layer)
    FATHOM_TRY(RunLayer(layer, observer));
  FinishBatch(slices);
  return {};
}

void Model::StartBatch(std::span<const Slice> slices) {
  batch_.Assign(slices, 0);
  batch_.Rotate(window_rope_, compressed_rope_);
  weights_.experts->BeginPass();
  for (int64_t layer = 0; layer < config_.num_hidden_layers; ++layer) {
    Pass pass = MakePass(batch_, layer, nullptr);
    PrefetchHashedExperts(pass, weights_.layers[static_cast<size_t>(layer)].ffn);
  }
}

void Model::FinishBatch(std::span<const Slice> slices) {
  for (const Slice& slice : slices) slice.cache->Advance(static_cast<int64_t>(slice.tokens.size()));
}

// Every stream starts as the embedding.
void Model::Embed() {
  const int64_t hidden = config_.hidden_size;
  ops_.pool.ForRanges(batch_.tokens(), 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t) {
      float* streams = activations_.streams.row(t);
      CopyEmbedding(weights_.embed, batch_.id(t), streams);
      for (int64_t i = 1; i < config_.hc_mult; ++i)
        std::memcpy(streams + i * hidden, streams, static_cast<size_t>(hidden) * sizeof(float));
    }
  });
}

base::Status Model::RunLayer(int64_t layer, ForwardObserver* observer) {
  Pass pass = MakePass(batch_, layer, observer);
  FATHOM_TRY(
      RunBlock(pass, weights_.layers[static_cast<size_t>(layer)], activations_.streams.data()));
  if (observer != nullptr) observer->OnLayer(layer, activations_.streams.data());
  return {};
}

base::Status Model::RunBlock(Pass& pass, const LayerWeights& weights, float* streams) {
  float* x = activations_.x.data();
  const float* y = activations_.y.data();
  EnterSublayer(pass, weights.hc_attn, weights.attn_norm, streams, x);
  Attention(pass, weights.attn);
  LeaveSublayer(pass, y, streams);
  EnterSublayer(pass, weights.hc_ffn, weights.ffn_norm, streams, x);
  FATHOM_TRY(MixtureOfExperts(pass, weights.ffn));
  LeaveSublayer(pass, y, streams);
  return {};
}

void Model::HeadLogits(const HeadWeights& head, const float* streams,
                       std::span<const int32_t> tokens, float* out) {
  Pass pass = MakePass(batch_, 0, nullptr);
  CollapseStreams(pass, head, streams, tokens, activations_.x.data());
  const auto task = ops::MatmulTask::Whole(
      weights_.output, ops::ActivationRows::Float(activations_.x.data(), config_.hidden_size),
      static_cast<int64_t>(tokens.size()), out);
  ops::Matmul(ops_, {&task, 1});
}

void Model::Logits(std::span<const int32_t> tokens, float* out) {
  HeadLogits(weights_.head, activations_.streams.data(), tokens, out);
}

base::Status Model::ForwardMtp(std::span<const int32_t> next) {
  FATHOM_CHECK(!weights_.mtp.empty() && batch_.runs().size() == 1);
  FATHOM_CHECK(static_cast<int64_t>(next.size()) <= batch_.tokens());
  const int64_t layer = config_.num_hidden_layers;
  const MtpWeights& weights = weights_.mtp.front();
  kv::SequenceCache* cache = batch_.runs()[0].cache;
  const Slice slice{cache, next};
  mtp_batch_.Assign({&slice, 1}, layer);
  mtp_batch_.Rotate(window_rope_, compressed_rope_);
  weights_.experts->BeginPass();
  Pass pass = MakePass(mtp_batch_, layer, nullptr);
  MixMtpInput(pass, weights);
  FATHOM_TRY(RunBlock(pass, weights.layer, activations_.mtp_streams.data()));
  cache->AdvanceMtp(static_cast<int64_t>(next.size()));
  return {};
}

// h' = e_proj(norm(embedding of the next token)) added to every copy of h_proj(norm(stream)).
void Model::MixMtpInput(Pass& pass, const MtpWeights& weights) {
  auto& act = activations_.mtp;
  const int64_t hidden = config_.hidden_size;
  const int64_t hc = config_.hc_mult;
  const int64_t tokens = pass.tokens();
  ops_.pool.ForRanges(tokens, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t) {
      float* embedding = act.embedding.row(t);
      CopyEmbedding(weights_.embed, pass.batch.id(t), embedding);
      ops_.kernels.rms_norm(embedding, weights.enorm, config_.rms_norm_eps, hidden, embedding);
      for (int64_t i = 0; i < hc; ++i)
        ops_.kernels.rms_norm(activations_.streams.row(t) + i * hidden, weights.hnorm,
                              config_.rms_norm_eps, hidden, act.streams.row(t) + i * hidden);
    }
  });
  ops::QuantizeRows(ops_, act.embedding.data(), tokens, act.embedding_code);
  ops::QuantizeRows(ops_, act.streams.data(), tokens * hc, act.streams_code);
  const ops::MatmulTask tasks[] = {
      ops::MatmulTask::Whole(weights.e_proj, act.embedding_code.view(), tokens,
                             act.embedding_projected.data()),
      ops::MatmulTask::Whole(weights.h_proj, act.streams_code.view(), tokens * hc,
                             activations_.mtp_streams.data()),
  };
  ops::Matmul(ops_, tasks);
  ops_.pool.ForRanges(tokens * hc, hc, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i)
      ops_.kernels.add(act.embedding_projected.row(i / hc), hidden,
                       activations_.mtp_streams.data() + i * hidden);
  });
}

void Model::MtpLogits(std::span<const int32_t> tokens, float* out) {
  FATHOM_CHECK(!weights_.mtp.empty());
  HeadLogits(weights_.mtp.front().head, activations_.mtp_streams.data(), tokens, out);
}

}  // namespace fathom::model
