// Root mean square normalisation.
#pragma once

#include "train/torch.h"

namespace fathom::train {

/// x / sqrt(mean(x^2) + eps) along the last dimension, times `weight` unless it is undefined.
at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight, double eps);

}  // namespace fathom::train
