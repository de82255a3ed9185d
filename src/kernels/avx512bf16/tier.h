// The kernels that this tier has of its own; contracts are in kernel_table.h. The others are those
// of avx512.
//
// Quantised activations are stored as BF16: a code times its scale has four significant bits, so
// that this is exact, and so is every product with an E4M3 or E2M1 weight in float32. Each weight
// format has its own order of columns, that in which its decoder puts out the weights.
//
// The instruction vdpbf16ps takes subnormal operands as zero and makes subnormal results zero:
// where values or sums stay below 2^-126, results are zero instead of portable's subnormals.
#pragma once

#include "kernels/kernel_table.h"

namespace fathom::kernels::avx512bf16 {

/// Bytes of scratch of each product below.
size_t ScratchBytesE4m3(int64_t cols) noexcept;
size_t ScratchBytesE4m3Float(int64_t cols) noexcept;
size_t ScratchBytesE2m1(int64_t cols) noexcept;

/// E4M3 weights. Block scales are applied by adding to exponents, of the activations when tokens
/// are few, of the weights otherwise. That is exact, and the two agree to the bit, as long as
/// |activation * block scale| stays below 2^127; block scales below 2^-95 count as 2^-95, those
/// above 2^119 as 2^119.
void MatmulE4m3(const MatmulArgs& args) noexcept;

/// E4M3 weights and float32 activations, as avx512's. Block scales are applied to the activations
/// when tokens are few, to the weights otherwise: alike to the bit as long as neither product with
/// them leaves the range of normal numbers.
void MatmulE4m3Float(const MatmulArgs& args) noexcept;

/// E2M1 weights. Scales are applied to the weights' exponents; codes beyond 1 .. 252 (2^-126 ..
/// 2^125) count as those.
void MatmulE2m1(const MatmulArgs& args) noexcept;

}  // namespace fathom::kernels::avx512bf16
