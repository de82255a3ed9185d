// Attention of one layer: the window, and for CSA and HCA layers the compressed rows (paper,
// section 2.3; the steps are those of the paper).
#pragma once

#include "model/pass.h"
#include "model/weights.h"

namespace fathom::model {

/// The softmax's constants for `config`; `sinks` is the layer's.
ops::AttentionParams AttentionParamsOf(const ModelConfig& config, const float* sinks);

/// From activations.x, the layer's normalised input, to activations.y; moves the caches of all
/// sequences of the batch forward.
void Attention(Pass& pass, const AttentionWeights& weights);

}  // namespace fathom::model
