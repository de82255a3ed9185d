// Muon: momentum, orthogonalised (paper, section 2.4). For matrices.
#pragma once

#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "train/parameters.h"
#include "train/torch.h"

namespace fathom::train {

struct MuonOptions {
  double momentum = 0.95;
  double weight_decay = 0.1;
  /// Root mean square of an update's elements, before the learning rate.
  double update_rms = 0.18;
};

/// A tensor that an optimiser keeps from step to step.
struct StateTensor {
  std::string name;
  at::Tensor value;
};

class Muon {
 public:
  explicit Muon(std::vector<Parameter> matrices, const MuonOptions& options = {});

  /// Moves every matrix by its gradient, which is used up. Matrices without one stay.
  void Step(double rate, base::ThreadPool& pool);

  std::vector<StateTensor> State() const;

 private:
  void Move(size_t parameter, double rate);

  std::vector<Parameter> parameters_;
  std::vector<at::Tensor> momenta_;
  MuonOptions options_;
};

/// Matrices [count, rows, cols] with all singular values brought to about 1: ten steps of a
/// Newton-Schulz iteration, eight that grow small values fast, and two that settle them.
at::Tensor Orthogonalize(const at::Tensor& matrices);

}  // namespace fathom::train
