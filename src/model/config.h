// What config.json says, checked, and the plan of each layer that follows from it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace fathom::model {

/// How a layer attends beyond its window (paper, section 2.3).
enum class AttentionKind : uint8_t {
  kWindow,  ///< the last sliding_window tokens only (compress ratio 0)
  kCsa,     ///< Compressed Sparse Attention: rows of 4 overlapping tokens, picked by the indexer
  kHca,     ///< Heavily Compressed Attention: rows of 128 tokens, all of them
};

/// How a layer picks its experts.
enum class RouterKind : uint8_t {
  kHash,    ///< tid2eid[token id]; weights still come from the gate
  kScored,  ///< top-k of the gate's score plus bias
};

/// How routed experts are stored.
enum class ExpertFormat : uint8_t { kFp4, kFp8 };

/// Rotary embedding of one layer kind. Angles are float32(position * frequency).
struct RopePlan {
  double theta = 10000;
  bool yarn = false;  ///< interpolate with `factor` between the correction dims
  double factor = 1;
  double original_positions = 65536;
  double beta_fast = 32;
  double beta_slow = 1;
};

/// Everything the forward pass asks about one layer. Nothing else looks at compress_ratios.
struct LayerPlan {
  AttentionKind attention = AttentionKind::kWindow;
  RouterKind router = RouterKind::kScored;
  int compress_ratio = 0;   ///< tokens a compressed row stands for; 0 for kWindow
  bool overlapped = false;  ///< a row also covers the previous block (kCsa)
  RopePlan rope;
};

/// config.json. Names are the file's own; sizes are in elements.
struct ModelConfig {
  int64_t hidden_size = 0;
  int64_t num_hidden_layers = 0;
  int64_t num_nextn_predict_layers = 0;
  int64_t num_attention_heads = 0;
  int64_t head_dim = 0;
  int64_t qk_rope_head_dim = 0;
  int64_t q_lora_rank = 0;
  int64_t o_groups = 0;
  int64_t o_lora_rank = 0;
  int64_t sliding_window = 0;
  int64_t index_n_heads = 0;
  int64_t index_head_dim = 0;
  int64_t index_topk = 0;
  int64_t n_routed_experts = 0;
  int64_t num_experts_per_tok = 0;
  int64_t n_shared_experts = 0;
  int64_t moe_intermediate_size = 0;
  int64_t num_hash_layers = 0;
  int64_t hc_mult = 0;
  int64_t hc_sinkhorn_iters = 0;
  int64_t vocab_size = 0;
  int64_t max_position_embeddings = 0;
  int64_t bos_token_id = 0;
  int64_t eos_token_id = 0;
  float routed_scaling_factor = 1;
  float swiglu_limit = 0;
  float hc_eps = 0;
  float rms_norm_eps = 0;
  ExpertFormat expert_format = ExpertFormat::kFp8;
  std::vector<int> compress_ratios;  ///< one a layer, MTP layers last
  std::vector<LayerPlan> layers;     ///< num_hidden_layers, then num_nextn_predict_layers

  /// Elements of a compressor projection's output: twice the head for overlapped rows.
  int64_t compressor_width(const LayerPlan& plan, int64_t dim) const {
    return plan.overlapped ? 2 * dim : dim;
  }
  /// Rows of the hyper-connection mix: `hc` input weights, `hc` output weights, hc x hc
  /// combination.
  int64_t hc_mix_rows() const { return (2 + hc_mult) * hc_mult; }
};

/// Reads and checks a config.json. Errors name `source` and the key. A key that would change the
/// computation and is unknown or has a value that this engine does not compute is an error; other
/// unknown keys are ignored.
base::Result<ModelConfig> ParseConfig(std::string_view json, const std::string& source);

/// Reads DIR/config.json.
base::Result<ModelConfig> LoadConfig(const std::string& directory);

}  // namespace fathom::model
