// Rotary positions on the last dimensions of a head.
#pragma once

#include <cstdint>

#include "model/config.h"
#include "train/torch.h"

namespace fathom::train {

/// Cosines and sines [.., rope_dim / 2] of the angles at some positions.
struct Rotation {
  at::Tensor cos;
  at::Tensor sin;

  /// The angles of positions [begin, end), steps of `step` apart, along the second dimension.
  Rotation Slice(int64_t begin, int64_t end, int64_t step) const;
};

/// The rotation at `positions` [batch, tokens] (int64): angles are float32(position x frequency).
Rotation MakeRotation(const model::RopePlan& plan, int64_t rope_dim, const at::Tensor& positions);

enum class Turn : uint8_t { kForward, kBack };

/// Rotates the adjacent pairs of the last rope_dim elements. `x` is [batch, tokens, .., dim].
at::Tensor Rotate(const at::Tensor& x, const Rotation& rotation, Turn turn = Turn::kForward);

}  // namespace fathom::train
