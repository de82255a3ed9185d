// The published quantisation points, for training: values are rounded on the way forward, and
// gradients pass as if they had not been (straight-through).
//
// Written from the formats' definition, apart from the engine's codecs, so that each can be held
// against the other.
#pragma once

#include <cstdint>

#include "train/torch.h"

namespace fathom::train {

/// Which points a forward pass takes.
struct Rounding {
  bool linears = false;  ///< inputs and weights of FP8 and FP4 linears
  bool cache = false;    ///< window rows, compressed rows, and the indexer's queries and keys

  bool operator==(const Rounding&) const = default;
};

/// All of them: what the engine computes.
inline constexpr Rounding kEveryRounding = {.linears = true, .cache = true};

/// The input of a quantised linear: E4M3 in blocks of 128 along the last dimension.
at::Tensor RoundInput(const at::Tensor& x);

/// A KV row: E4M3 in blocks of 64, the last `rope_dim` elements BF16.
at::Tensor RoundRow(const at::Tensor& row, int64_t rope_dim);

/// An indexer query or key after its rotation: E2M1 in blocks of 32.
at::Tensor RoundIndexVector(const at::Tensor& x);

/// Matrices [.., rows, cols]: E4M3 in tiles of 128 x 128.
at::Tensor RoundE4m3Weight(const at::Tensor& weight);

/// Matrices [.., rows, cols]: E2M1 in blocks of 32 along the columns.
at::Tensor RoundE2m1Weight(const at::Tensor& weight);

/// The block scale of weights whose largest magnitude is `amax`: the smallest power of two that
/// brings it into the format's range.
float E4m3WeightScale(float amax);
float E2m1WeightScale(float amax);

/// x times the Hadamard matrix of its last dimension, divided by the square root of that: the
/// rotation before RoundIndexVector. REQUIRES: the dimension is a power of two.
at::Tensor RotateHadamard(const at::Tensor& x);

}  // namespace fathom::train
