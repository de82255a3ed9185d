// What the tests of this room share: a model of every kind of layer, as small as they get.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "model/config.h"

namespace fathom::train {

/// A window layer with a table of experts, a CSA and an HCA layer that score, and an MTP block; FP4
/// experts. The window and top-k are small.
inline std::string TinyConfigJson() {
  nlohmann::ordered_json json;
  json["model_type"] = "deepseek_v4";
  json["hidden_size"] = 128;
  json["num_hidden_layers"] = 3;
  json["num_nextn_predict_layers"] = 1;
  json["num_attention_heads"] = 2;
  json["num_key_value_heads"] = 1;
  json["head_dim"] = 128;
  json["qk_rope_head_dim"] = 64;
  json["q_lora_rank"] = 128;
  json["o_groups"] = 2;
  json["o_lora_rank"] = 128;
  json["sliding_window"] = 8;
  json["index_n_heads"] = 2;
  json["index_head_dim"] = 64;
  json["index_topk"] = 4;
  json["n_routed_experts"] = 4;
  json["num_experts_per_tok"] = 2;
  json["n_shared_experts"] = 1;
  json["moe_intermediate_size"] = 128;
  json["num_hash_layers"] = 1;
  json["hc_mult"] = 4;
  json["hc_sinkhorn_iters"] = 20;
  json["hc_eps"] = 1e-6;
  json["vocab_size"] = 96;
  json["max_position_embeddings"] = 1048576;
  json["bos_token_id"] = 0;
  json["eos_token_id"] = 1;
  json["routed_scaling_factor"] = 1.5;
  json["swiglu_limit"] = 10.0;
  json["rms_norm_eps"] = 1e-6;
  json["hidden_act"] = "silu";
  json["scoring_func"] = "sqrtsoftplus";
  json["topk_method"] = "noaux_tc";
  json["norm_topk_prob"] = true;
  json["tie_word_embeddings"] = false;
  json["attention_bias"] = false;
  json["expert_dtype"] = "fp4";
  json["quantization_config"] = {{"activation_scheme", "dynamic"},
                                 {"fmt", "e4m3"},
                                 {"quant_method", "fp8"},
                                 {"scale_fmt", "ue8m0"},
                                 {"weight_block_size", {128, 128}}};
  json["rope_theta"] = 10000;
  json["compress_rope_theta"] = 160000;
  json["rope_scaling"] = {{"type", "yarn"},
                          {"factor", 16},
                          {"original_max_position_embeddings", 65536},
                          {"beta_fast", 32},
                          {"beta_slow", 1}};
  json["compress_ratios"] = {0, 4, 128, 0};
  return json.dump(2) + "\n";
}

inline model::ModelConfig TinyConfig() {
  auto config = model::ParseConfig(TinyConfigJson(), "tiny");
  if (!config.ok()) throw std::runtime_error(config.error().message);
  return std::move(config).value();
}

}  // namespace fathom::train
