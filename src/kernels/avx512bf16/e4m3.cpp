#include <algorithm>

#include "kernels/avx512bf16/bf16.h"
#include "kernels/avx512bf16/e4m3_tables.h"
#include "kernels/avx512bf16/shifted_lines.h"
#include "kernels/avx512bf16/tier.h"
#include "kernels/simd/row_lines.inl.h"

namespace fathom::kernels::avx512bf16 {
namespace {

using Product = Bf16Product;

// Vectors that the decoder makes of 64 codes.
constexpr int kVectors = 2;

// 64 codes to BF16. The first vector gets the first 8 codes of each 16, the second the others.
struct Decoder : E4m3Tables {
  void Decode(I32x16 codes, Bf16x32* out) const {
    const E4m3Bytes bytes = LookUp(codes);
    out[0] = {_mm512_unpacklo_epi8(bytes.low, bytes.high)};
    out[1] = {_mm512_unpackhi_epi8(bytes.low, bytes.high)};
  }
};

// What a block scale adds to the bits of a BF16 number. The limits keep weights, and activations
// of at least 2^-31, the least that quantisation makes, in the normal range.
int16_t ExponentShift(uint8_t scale) {
  return static_cast<int16_t>(std::clamp(scale - 127, -95, 119) * 128);
}

// x * 2^n for `shift` = n * 128. Zeros and NaN stay.
Bf16x32 Scale(Bf16x32 x, int16_t shift) {
  const __m512i magnitude = _mm512_and_si512(x.v, _mm512_set1_epi16(INT16_MAX));
  const __m512i below = _mm512_sub_epi16(magnitude, _mm512_set1_epi16(1));
  const __mmask32 finite = _mm512_cmplt_epu16_mask(below, _mm512_set1_epi16(0x7F7F));
  return {_mm512_mask_add_epi16(x.v, finite, x.v, _mm512_set1_epi16(shift))};
}

// Multiplies a row of activations by the scales of one block of weight rows.
void ScaleActivations(const uint16_t* x, const uint8_t* scales, int64_t cols, uint16_t* out) {
  for (int64_t k = 0; k < cols; k += 32)
    Scale(Bf16x32::Load(x + k), ExponentShift(scales[k / 128])).Store(out + k);
}

// kRows rows side by side: the additions of one row alone would wait for each other.
template <class Lines, int kRows, int kTokens>
void MultiplyRowsAt(const MatmulArgs& args, int64_t row, int64_t token, const uint16_t* x) {
  const int64_t cols = args.weights.cols;
  const Decoder decoder;
  Lines lines(args.weights.row(row), cols);
  F32x16 sums[kTokens][kRows];
  for (auto& sums_of_token : sums)
    for (F32x16& sum : sums_of_token) sum = F32x16::Zero();
  for (int64_t k = 0; k < cols; k += 64) {
    I32x16 codes[kRows];
    lines.Next(codes);
    Bf16x32 w[kRows][kVectors];
    for (int r = 0; r < kRows; ++r) decoder.Decode(codes[r], w[r]);
    for (int v = 0; v < kVectors; ++v)
      for (int t = 0; t < kTokens; ++t) {
        const Bf16x32 operand = Bf16x32::Load(x + (token + t) * cols + k + 32 * v);
        for (int r = 0; r < kRows; ++r) sums[t][r] = AddDots(w[r][v], operand, sums[t][r]);
      }
  }
  float* out = args.out + row - args.row_begin + token * args.out_stride;
  for (int t = 0; t < kTokens; ++t) simd::StoreSums<kRows>(sums[t], out + t * args.out_stride);
}

// Tokens up to which a panel of decoded weights takes longer than decoding rows again, from the
// cache, for each group of tokens: at 8 tokens 148 GMAC/s and 240, at 16 200 and 235.
constexpr int64_t kDirectTokens = 16;
constexpr int kGroupTokens = 4;

// Tokens up to which there are registers for putting rows together of aligned loads.
constexpr int kShiftedTokens = 2;

// kRows rows by all tokens.
template <int kRows, simd::Ahead kAhead>
void MultiplyByTokens(const MatmulArgs& args, int64_t row, const uint16_t* x) {
  const bool aligned = reinterpret_cast<uintptr_t>(args.weights.row(row)) % 64 == 0;
  simd::ForTokenGroups<kGroupTokens>(args.tokens, [&](auto size, int64_t token) {
    constexpr int kTokens = size;
    if constexpr (kTokens <= kShiftedTokens) {
      using Lines = ShiftedLines<kRows, kAhead>;
      if (!aligned) return MultiplyRowsAt<Lines, kRows, kTokens>(args, row, token, x);
    }
    MultiplyRowsAt<simd::RowLines<I32x16, kRows, kAhead>, kRows, kTokens>(args, row, token, x);
  });
}

// Few tokens: straight from the stream of weights.
template <simd::Ahead kAhead>
void MultiplyRows(const MatmulArgs& args) {
  constexpr int kRows = 4;
  const int64_t cols = args.weights.cols;
  auto* x = reinterpret_cast<uint16_t*>(args.scratch);
  for (int64_t row = args.row_begin; row < args.row_end;) {
    for (int64_t t = 0; t < args.tokens; ++t)
      ScaleActivations(simd::ActivationRow<uint16_t>(args, t), args.weights.row_scales(row), cols,
                       x + t * cols);
    const int64_t block_end = std::min(args.row_end, (row / 128 + 1) * 128);
    for (; row + kRows <= block_end; row += kRows) MultiplyByTokens<kRows, kAhead>(args, row, x);
    for (; row < block_end; ++row) MultiplyByTokens<1, kAhead>(args, row, x);
  }
}

void DecodePanelRow(const tensor::WeightMatrix& weights, int64_t row, int64_t col, int64_t vectors,
                    uint16_t* out) {
  constexpr int64_t kStep = simd::kPanelRows * Product::kWidth;
  const Decoder decoder;
  const std::byte* codes = weights.row(row) + col;
  const uint8_t* scales = weights.row_scales(row) + col / 128;
  for (int64_t v = 0; v < vectors; v += kVectors) {
    Bf16x32 w[kVectors];
    decoder.Decode(I32x16::LoadRaw(codes + v * 32), w);
    for (int i = 0; i < kVectors; ++i)
      Scale(w[i], ExponentShift(scales[v / 4])).Store(out + (v + i) * kStep);
  }
}

}  // namespace

size_t ScratchBytesE4m3(int64_t cols) noexcept {
  return std::max(sizeof(simd::PanelScratch<Product>),
                  static_cast<size_t>(kDirectTokens * cols) * sizeof(uint16_t));
}

void MatmulE4m3(const MatmulArgs& args) noexcept {
  if (args.tokens <= 0) return;
  if (args.tokens <= kDirectTokens)
    return simd::WithAhead([&args](auto ahead) { MultiplyRows<ahead>(args); });
  simd::MultiplyPanels<Product>(args,
                                [&args](int64_t row, int64_t col, int64_t vectors, uint16_t* out) {
                                  DecodePanelRow(args.weights, row, col, vectors, out);
                                });
}

}  // namespace fathom::kernels::avx512bf16
