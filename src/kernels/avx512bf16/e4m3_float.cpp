#include <algorithm>
#include <array>

#include "kernels/avx512bf16/bf16.h"
#include "kernels/avx512bf16/e4m3_tables.h"
#include "kernels/avx512bf16/tier.h"
#include "kernels/simd/matmul_float.inl.h"

namespace fathom::kernels::avx512bf16 {
namespace {

// Where the four bytes of each float32 of vector `quarter` lie in the low bytes (0 .. 63) and high
// bytes (64 .. 127) of the BF16 numbers; the lower two stay zero.
constexpr std::array<uint8_t, 64> MakeSpread(int quarter) {
  std::array<uint8_t, 64> from{};
  for (int i = 0; i < 16; ++i) {
    from[4 * i + 2] = static_cast<uint8_t>(16 * quarter + i);
    from[4 * i + 3] = static_cast<uint8_t>(64 + 16 * quarter + i);
  }
  return from;
}
alignas(64) constexpr std::array<std::array<uint8_t, 64>, 4> kSpread = {
    MakeSpread(0), MakeSpread(1), MakeSpread(2), MakeSpread(3)};

/// Rows for simd/matmul_float.inl.h. Looking codes up takes three instructions for 64 of them and
/// one more for 16, where shifting them into place takes five for 16.
struct UnscaledRow {
  static constexpr int kVectors = 4, kLineVectors = 4;
  UnscaledRow(const tensor::WeightMatrix& weights, int64_t row) : codes(weights.row(row)) {}

  void Decode(int64_t k, F32x16* out) const {
    const E4m3Bytes bytes = E4m3Tables().LookUp(I32x16::LoadRaw(codes + k));
    for (size_t i = 0; i < 4; ++i) {
      const __m512i spread = _mm512_load_si512(kSpread[i].data());
      const __m512i bits =
          _mm512_maskz_permutex2var_epi8(0xCCCCCCCCCCCCCCCC, bytes.low, spread, bytes.high);
      out[i] = {_mm512_castsi512_ps(bits)};
    }
  }
  void Prefetch(int64_t k) const { simd::PrefetchAhead(codes + k); }
  bool IsPoisoned() const { return false; }

  const std::byte* codes;
};

struct ScaledRow : UnscaledRow {
  ScaledRow(const tensor::WeightMatrix& weights, int64_t row)
      : UnscaledRow(weights, row), scales(weights.row_scales(row)) {}

  void Decode(int64_t k, F32x16* out) const {
    UnscaledRow::Decode(k, out);
    const F32x16 scale = F32x16::Broadcast(numerics::Ue8m0ToFloat(scales[k / 128]));
    for (int i = 0; i < kVectors; ++i) out[i] = out[i] * scale;
  }

  const uint8_t* scales;
};

// Multiplies activations by the scales of one block of weight rows: exact, as scales are powers of
// two, and one instruction for as many rows as a block has instead of one for each.
void ScaleActivations(const float* x, const uint8_t* scales, int64_t cols, float* out) {
  for (int64_t k = 0; k < cols; k += 16)
    (F32x16::Load(x + k) * F32x16::Broadcast(numerics::Ue8m0ToFloat(scales[k / 128])))
        .Store(out + k);
}

// Few tokens: straight from the stream of weights, a block of rows that share scales at a time.
void MultiplyRows(const MatmulArgs& args) {
  const int64_t cols = args.weights.cols;
  auto* x = reinterpret_cast<float*>(args.scratch);
  for (int64_t row = args.row_begin, end; row < args.row_end; row = end) {
    end = std::min(args.row_end, (row / 128 + 1) * 128);
    for (int64_t t = 0; t < args.tokens; ++t)
      ScaleActivations(simd::ActivationRow<float>(args, t), args.weights.row_scales(row), cols,
                       x + t * cols);
    simd::MultiplyDirectly<F32x16, UnscaledRow>(args, row, end,
                                                [&](int64_t t) { return x + t * cols; });
  }
}

}  // namespace

size_t ScratchBytesE4m3Float(int64_t cols) noexcept {
  return static_cast<size_t>(F32x16::kDirectTokens * cols) * sizeof(float);
}

void MatmulE4m3Float(const MatmulArgs& args) noexcept {
  if (args.tokens <= 0) return;
  if (args.tokens > F32x16::kDirectTokens) return simd::MultiplyInPanels<F32x16, ScaledRow>(args);
  MultiplyRows(args);
}

}  // namespace fathom::kernels::avx512bf16
