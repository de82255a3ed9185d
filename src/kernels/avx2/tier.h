// The kernels that this tier has of its own; contracts are in kernel_table.h. The others are the
// 16-lane ones of simd/.
#pragma once

#include "kernels/kernel_table.h"

namespace fathom::kernels::avx2 {

/// E2M1 weights times rows that QuantizeForE2m1 made. Scales are applied to the weights' exponents;
/// codes beyond 1 .. 252 (2^-126 .. 2^125) count as those.
void MatmulE2m1(const MatmulArgs& args) noexcept;

/// Quantised activations as float32, their columns in the order in which the decoder of MatmulE2m1
/// puts out the weights: nibbles spread to dwords within the 128-bit lanes of a register. Keeping
/// the order of the columns takes twice the instructions (4.9 instead of 12.1 GB/s of weights from
/// the cache of a Zen 3).
void QuantizeForE2m1(const float* x, int64_t cols, std::byte* out) noexcept;

}  // namespace fathom::kernels::avx2
