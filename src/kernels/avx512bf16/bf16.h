// BF16 operands for the kernels of this tier.
#pragma once

#include "kernels/avx512/vec.h"
#include "kernels/simd/matmul_panels.inl.h"

namespace fathom::kernels::avx512bf16 {
namespace {

using avx512::F32x16;
using avx512::I32x16;

/// 32 BF16 numbers.
struct Bf16x32 {
  __m512i v;

  static Bf16x32 Load(const void* p) { return {_mm512_loadu_si512(p)}; }
  void Store(void* p) const { _mm512_storeu_si512(p, v); }
};

/// sum[i] + w[2i] * x[2i] + w[2i+1] * x[2i+1].
inline F32x16 AddDots(Bf16x32 w, Bf16x32 x, F32x16 sum) {
  return {
      _mm512_dpbf16_ps(sum.v, reinterpret_cast<__m512bh>(w.v), reinterpret_cast<__m512bh>(x.v))};
}

/// See simd/matmul_panels.inl.h. A tile has 24 sums: fewer do not cover the latency of two
/// additions a cycle, more do not fit.
struct Bf16Product {
  using Vec = F32x16;
  using Element = uint16_t;
  using Operand = Bf16x32;
  static constexpr int kWidth = 32;
  static constexpr int kSections = 1;
  static constexpr int kTileRows = 4;
  static constexpr int kTileTokens = 6;
  static constexpr int64_t kPanelCols = 1024;
  static constexpr int64_t kBlockTokens = 64;

  static Bf16x32 Load(const uint16_t* p) {
    Bf16x32 operand = Bf16x32::Load(p);
    asm("" : "+v"(operand.v));  // as avx512::Pinned
    return operand;
  }
  static F32x16 Dot(Bf16x32 w, Bf16x32 x, F32x16 sum) { return AddDots(w, x, sum); }
};

}  // namespace
}  // namespace fathom::kernels::avx512bf16
