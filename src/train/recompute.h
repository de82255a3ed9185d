// Trading time for memory: what a function computes on the way is computed again for the gradient
// instead of being kept.
#pragma once

#include <functional>
#include <vector>

#include "train/torch.h"

namespace fathom::train {

/// function(inputs), without keeping intermediate values. REQUIRES: the function depends on its
/// inputs and on constants alone: no gradient reaches what it captures.
at::Tensor Recompute(std::function<at::Tensor(const std::vector<at::Tensor>&)> function,
                     const std::vector<at::Tensor>& inputs);

}  // namespace fathom::train
