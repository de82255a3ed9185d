// AdamW: for embeddings, the head, norms and everything else that is no plain matrix.
#pragma once

#include <cstdint>
#include <vector>

#include "train/muon.h"
#include "train/parameters.h"
#include "train/torch.h"

namespace fathom::train {

struct AdamwOptions {
  double beta1 = 0.9;
  double beta2 = 0.95;
  double eps = 1e-20;
  double weight_decay = 0.1;  ///< of matrices; vectors are not pulled to zero
  /// Gradients of all parameters together are scaled down to this norm.
  double max_norm = 1;
};

class Adamw {
 public:
  explicit Adamw(std::vector<Parameter> parameters, const AdamwOptions& options = {});

  /// Moves every parameter by its gradient, which is used up. Those without one stay.
  void Step(double rate);

  std::vector<StateTensor> State() const;

 private:
  double ClipFactor() const;

  std::vector<Parameter> parameters_;
  std::vector<at::Tensor> means_;
  std::vector<at::Tensor> squares_;
  at::Tensor steps_;  // int64 scalar
  AdamwOptions options_;
};

}  // namespace fathom::train
