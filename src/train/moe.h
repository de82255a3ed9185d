// Mixture of experts (paper, section 2.1).
#pragma once

#include "model/config.h"
#include "model/weights.h"
#include "train/linear.h"
#include "train/parameters.h"
#include "train/pass.h"
#include "train/torch.h"

namespace fathom::train {

class Moe {
 public:
  Moe(const ParameterTable& table, const model::LayerPlan& plan, const model::MoeWeights& weights);

  /// `x`: the normalised input [batch, tokens, hidden] of the tokens `ids` [batch, tokens].
  at::Tensor Forward(const at::Tensor& x, const at::Tensor& ids, Pass& pass) const;

  /// The router's biases [experts], undefined with tables of experts. Not trained by gradients.
  const at::Tensor& bias() const { return bias_; }

 private:
  // Where tokens go: [tokens, experts per token].
  struct Route {
    at::Tensor experts;  // int64
    at::Tensor weights;
  };
  // The three matrices of an expert, or of all: stacks.
  struct Matrices {
    Linear w1;
    Linear w2;
    Linear w3;
  };

  Route ChooseExperts(const at::Tensor& x, const at::Tensor& ids, Pass& pass) const;
  void CollectBalance(const at::Tensor& scores, const at::Tensor& experts, int64_t batch,
                      Pass& pass) const;
  at::Tensor Routed(const at::Tensor& x, const Route& route, const Rounding& rounding) const;
  at::Tensor Shared(const at::Tensor& x, const Rounding& rounding) const;
  at::Tensor Activate(const at::Tensor& gate, const at::Tensor& up) const;

  const model::ModelConfig& config_;
  Linear gate_;
  at::Tensor bias_;
  at::Tensor expert_ids_;  // [vocab, experts per token]; undefined where the router scores
  Matrices routed_;
  Matrices shared_;
};

/// Moves each bias by `rate` towards a balanced load: up for experts with fewer tokens than the
/// mean, down for those with more.
void UpdateBias(const at::Tensor& bias, const at::Tensor& load, double rate);

}  // namespace fathom::train
