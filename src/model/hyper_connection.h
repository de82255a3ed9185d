// Manifold-constrained hyper-connections: several residual streams around every sub-layer (paper,
// section 2.2).
#pragma once

#include <span>

#include "model/pass.h"
#include "model/weights.h"

namespace fathom::model {

/// From streams [T, hc, hidden] to a sub-layer's input x [T, hidden]: the weighted sum of the
/// streams, normalised with `norm`. Keeps the output weights and the combination matrix for
/// LeaveSublayer.
void EnterSublayer(Pass& pass, const HyperConnectionWeights& weights, const std::byte* norm,
                   const float* streams, float* x);

/// streams'[j] = post[j] * y + sum over i of combine[i, j] * streams[i].
void LeaveSublayer(Pass& pass, const float* y, float* streams);

/// The head's input for the tokens `tokens` of the batch: x[i] = norm(sum of pre * streams).
void CollapseStreams(Pass& pass, const HeadWeights& weights, const float* streams,
                     std::span<const int32_t> tokens, float* x);

}  // namespace fathom::model
