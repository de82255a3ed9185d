// The shared scale of a block of activations: the official quantisation points' arithmetic.
#pragma once

#include <algorithm>
#include <cstdint>

#include "numerics/ue8m0.h"

namespace fathom::numerics {

/// Block lengths of the official quantisation points.
inline constexpr int kLinearBlock = 128;  ///< inputs of FP8 and FP4 linears, and E4M3 weights
inline constexpr int kRowBlock = 64;      ///< window and compressed KV rows
inline constexpr int kFp4Block = 32;      ///< FP4 weights, indexer queries and keys

/// UE8M0 scale of an E4M3 block whose largest magnitude is `amax`.
constexpr uint8_t E4m3BlockScale(float amax) {
  return CeilToUe8m0(std::max(amax, 1e-4f) * (1.0f / 448.0f));
}

/// UE8M0 scale of an E2M1 block whose largest magnitude is `amax`.
constexpr uint8_t E2m1BlockScale(float amax) {
  return CeilToUe8m0(std::max(amax, 6.0f * 0x1p-126f) * (1.0f / 6.0f));
}

}  // namespace fathom::numerics
