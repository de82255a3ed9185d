// Mixture of experts: hash or scored routing, clamped SwiGLU, one shared expert (paper,
// section 2.1).
#pragma once

#include "model/pass.h"
#include "model/weights.h"

namespace fathom::model {

/// From activations.x, the layer's normalised input, to activations.y. Fails if an expert cannot be
/// read.
base::Status MixtureOfExperts(Pass& pass, const MoeWeights& weights);

/// Announces the experts of a layer whose tokens choose them by their ids, before it runs. Other
/// layers: nothing.
void PrefetchHashedExperts(Pass& pass, const MoeWeights& weights);

}  // namespace fathom::model
