// The DeepSeek-V4 model for training, after the paper: float32, whole sequences at once, gradients.
//
// It shares the engine's configuration and names of tensors and nothing of its arithmetic: where
// the two agree, both are right.
#pragma once

#include <optional>
#include <vector>

#include "model/config.h"
#include "model/weights.h"
#include "train/attention.h"
#include "train/hyper_connection.h"
#include "train/linear.h"
#include "train/moe.h"
#include "train/parameters.h"
#include "train/pass.h"
#include "train/torch.h"

namespace fathom::train {

/// One layer: attention, then experts, each between a mix of the streams and their update.
class Block {
 public:
  Block(const ParameterTable& table, const model::LayerPlan& plan,
        const model::LayerWeights& weights);

  /// `ids`: the tokens [batch, tokens] that the streams [batch, tokens, hc, hidden] are about.
  at::Tensor Forward(const at::Tensor& streams, const at::Tensor& ids, Pass& pass) const;

  const Moe& moe() const { return moe_; }

 private:
  double eps_;
  HyperConnection hc_attn_;
  at::Tensor attn_norm_;
  Attention attention_;
  HyperConnection hc_ffn_;
  at::Tensor ffn_norm_;
  Moe moe_;
};

/// The MTP block: from a token's streams and the token after it, the one after that.
class MtpBlock {
 public:
  MtpBlock(const ParameterTable& table, const model::LayerPlan& plan,
           const model::MtpWeights& weights);

  /// `next`: the token after each position; `embedded`: its embedding.
  at::Tensor Forward(const at::Tensor& streams, const at::Tensor& next, const at::Tensor& embedded,
                     Pass& pass) const;

  const Block& block() const { return block_; }

 private:
  double eps_;
  at::Tensor enorm_;
  at::Tensor hnorm_;
  Linear e_proj_;
  Linear h_proj_;
  Block block_;
  StreamHead head_;
  at::Tensor norm_;
};

class Model {
 public:
  /// The table must outlive the model.
  explicit Model(const ParameterTable& table);

  /// A pass over tokens [batch, tokens] at positions of the same shape (int64).
  Pass Begin(const at::Tensor& ids, const at::Tensor& positions, const PassOptions& options) const;

  /// The streams after the last layer.
  at::Tensor Forward(Pass& pass) const;
  /// What the output matrix is applied to: the collapsed, normalised streams.
  at::Tensor Hidden(const at::Tensor& streams) const;
  /// The same of the MTP block. REQUIRES: has_mtp().
  at::Tensor MtpHidden(const at::Tensor& streams, const at::Tensor& next, Pass& pass) const;
  /// Logits [.., vocab] of hidden values [.., hidden].
  at::Tensor Logits(const at::Tensor& hidden) const;

  bool has_mtp() const { return mtp_.has_value(); }
  /// Biases of the scored routers, in the order of Pass::expert_loads.
  std::vector<at::Tensor> RouterBiases() const;

 private:
  const model::ModelConfig& config_;
  at::Tensor embed_;
  at::Tensor output_;
  std::vector<Block> blocks_;
  StreamHead head_;
  at::Tensor norm_;
  std::optional<MtpBlock> mtp_;
};

}  // namespace fathom::train
