#include "model/fingerprint.h"

#include <fmt/format.h>

#include <bit>
#include <cstdint>
#include <span>

#include "checkpoint/fingerprint.h"

namespace fathom::model {
namespace {

// By their bits: a decimal form could make two values one.
uint32_t Bits(float value) { return std::bit_cast<uint32_t>(value); }
uint64_t Bits(double value) { return std::bit_cast<uint64_t>(value); }

std::string DescribePlan(const LayerPlan& plan) {
  const RopePlan& rope = plan.rope;
  return fmt::format("layer {} {} {} {} rope {:x} {} {:x} {:x} {:x} {:x}\n",
                     static_cast<int>(plan.attention), static_cast<int>(plan.router),
                     plan.compress_ratio, plan.overlapped, Bits(rope.theta), rope.yarn,
                     Bits(rope.factor), Bits(rope.original_positions), Bits(rope.beta_fast),
                     Bits(rope.beta_slow));
}

std::string DescribeNumerics(const ModelConfig& config) {
  std::string text = fmt::format(
      "hidden {} layers {} mtp {} heads {} dims {} {} q {} o {} {} window {} indexer {} {} {}\n",
      config.hidden_size, config.num_hidden_layers, config.num_nextn_predict_layers,
      config.num_attention_heads, config.head_dim, config.qk_rope_head_dim, config.q_lora_rank,
      config.o_groups, config.o_lora_rank, config.sliding_window, config.index_n_heads,
      config.index_head_dim, config.index_topk);
  text += fmt::format("experts {} {} {} {} hash {} format {} scaling {:x} limit {:x}\n",
                      config.n_routed_experts, config.num_experts_per_tok, config.n_shared_experts,
                      config.moe_intermediate_size, config.num_hash_layers,
                      static_cast<int>(config.expert_format), Bits(config.routed_scaling_factor),
                      Bits(config.swiglu_limit));
  text +=
      fmt::format("hc {} {} {:x} norm {:x} vocab {}\n", config.hc_mult, config.hc_sinkhorn_iters,
                  Bits(config.hc_eps), Bits(config.rms_norm_eps), config.vocab_size);
  for (const LayerPlan& plan : config.layers) text += DescribePlan(plan);
  return text;
}

}  // namespace

base::Result<base::Digest> ComputeFingerprint(const ModelConfig& config,
                                              const std::string& directory) {
  FATHOM_ASSIGN(const base::Digest tensors, checkpoint::DigestTensors(directory));
  base::DigestBuilder digest;
  const std::string numerics = DescribeNumerics(config);
  digest.Add(std::as_bytes(std::span(numerics)));
  digest.Add(tensors);
  return digest.Finish();
}

}  // namespace fathom::model
