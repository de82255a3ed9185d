// Which parameter is moved by what.
#pragma once

#include <vector>

#include "base/thread_pool.h"
#include "train/adamw.h"
#include "train/muon.h"
#include "train/parameters.h"

namespace fathom::train {

/// Learning rates of one step.
struct Rates {
  double muon = 0;
  double adamw = 0;
};

/// Muon for the matrices of the layers; AdamW for embedding, output matrix, hyper-connections and
/// vectors, as in the paper. Biases of routers belong to neither (UpdateBias in moe.h).
class Optimizer {
 public:
  explicit Optimizer(const ParameterTable& table);
  /// AdamW for all of them: adapters, whose factors are not what should be orthogonal.
  explicit Optimizer(std::vector<Parameter> adapters);

  /// Uses up all gradients.
  void Step(const Rates& rates, base::ThreadPool& pool);

  /// Everything that has to survive for the next step to be the same.
  std::vector<StateTensor> State() const;

 private:
  Muon muon_;
  Adamw adamw_;
};

}  // namespace fathom::train
