#include "model/presets.h"

#include <nlohmann/json.hpp>

namespace fathom::model {
namespace {

using OrderedJson = nlohmann::ordered_json;

// What Flash and Pro share.
constexpr const char* kShared = R"({
  "architectures": ["DeepseekV4ForCausalLM"], "model_type": "deepseek_v4",
  "torch_dtype": "bfloat16", "vocab_size": 129280, "max_position_embeddings": 1048576,
  "bos_token_id": 0, "eos_token_id": 1, "tie_word_embeddings": false,
  "rms_norm_eps": 1e-06, "hidden_act": "silu", "swiglu_limit": 10.0,
  "head_dim": 512, "num_key_value_heads": 1, "qk_rope_head_dim": 64, "o_lora_rank": 1024,
  "attention_bias": false, "attention_dropout": 0.0, "sliding_window": 128,
  "index_n_heads": 64, "index_head_dim": 128,
  "rope_theta": 10000, "compress_rope_theta": 160000,
  "rope_scaling": {"type": "yarn", "factor": 16, "original_max_position_embeddings": 65536,
                   "beta_fast": 32, "beta_slow": 1},
  "num_experts_per_tok": 6, "n_shared_experts": 1, "num_hash_layers": 3,
  "scoring_func": "sqrtsoftplus", "topk_method": "noaux_tc", "norm_topk_prob": true,
  "hc_mult": 4, "hc_sinkhorn_iters": 20, "hc_eps": 1e-06, "num_nextn_predict_layers": 1,
  "expert_dtype": "fp4",
  "quantization_config": {"quant_method": "fp8", "fmt": "e4m3", "scale_fmt": "ue8m0",
                          "activation_scheme": "dynamic", "weight_block_size": [128, 128]}})";

constexpr const char* kFlash = R"({
  "hidden_size": 4096, "num_hidden_layers": 43, "num_attention_heads": 64, "q_lora_rank": 1024,
  "o_groups": 8, "index_topk": 512, "n_routed_experts": 256, "moe_intermediate_size": 2048,
  "routed_scaling_factor": 1.5})";
constexpr int kFlashFirstRatio = 0;

constexpr const char* kPro = R"({
  "hidden_size": 7168, "num_hidden_layers": 61, "num_attention_heads": 128, "q_lora_rank": 1536,
  "o_groups": 16, "index_topk": 1024, "n_routed_experts": 384, "moe_intermediate_size": 3072,
  "routed_scaling_factor": 2.5})";
constexpr int kProFirstRatio = 128;

/// Two layers of `first`, then 4 and 128 by turns, then the MTP layer's 0.
OrderedJson CompressRatios(int layers, int first) {
  OrderedJson ratios = {first, first};
  for (int layer = 2; layer < layers; ++layer) ratios.push_back(layer % 2 == 0 ? 4 : 128);
  ratios.push_back(0);
  return ratios;
}

}  // namespace

base::Result<std::string> PresetConfig(std::string_view name) {
  const bool is_flash = name == "flash";
  if (!is_flash && name != "pro") {
    return base::MakeError("no preset named \"{}\": there are \"flash\" and \"pro\"", name);
  }
  OrderedJson config = OrderedJson::parse(kShared);
  config.update(OrderedJson::parse(is_flash ? kFlash : kPro));
  config["compress_ratios"] =
      CompressRatios(config["num_hidden_layers"], is_flash ? kFlashFirstRatio : kProFirstRatio);
  return config.dump(2);
}

}  // namespace fathom::model
