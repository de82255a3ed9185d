#include "numerics/e2m1.h"

#include <array>
#include <bit>

#include "kernels/avx512bf16/bf16.h"
#include "kernels/avx512bf16/tier.h"
#include "kernels/simd/row_lines.inl.h"

namespace fathom::kernels::avx512bf16 {
namespace {

using Product = Bf16Product;

// Vectors that the decoder makes of 128 codes.
constexpr int kVectors = 4;

// Scale code up to which 6 times the scale is a BF16 number.
constexpr int kLargestScale = 252;

// BF16 numbers of the 16 codes under the largest scale, twice: vpermw looks at five bits of a word,
// of which the fifth belongs to the next code. Minus zero is zero, so that nothing but zero has an
// exponent of zero.
constexpr std::array<uint16_t, 32> kValues = [] {
  std::array<uint16_t, 32> values{};
  for (uint32_t i = 0; i < 32; ++i) {
    const float value = numerics::E2m1ToFloat(static_cast<uint8_t>(i & 15));
    const uint32_t bits = std::bit_cast<uint32_t>(value) >> 16;
    values[i] = static_cast<uint16_t>(value == 0 ? 0 : bits + ((kLargestScale - 127) << 7));
  }
  return values;
}();

// 128 codes to four vectors, scales applied. Word i of vector v is column 4i + v. Each scale
// belongs to eight words of all four.
struct Decoder {
  // What is left of 128 codes, and what their scales take off the exponents of the table's numbers.
  struct Codes {
    __m512i words, shift;
  };

  Codes Begin(I32x16 codes, const uint8_t* scales) const {
    int32_t four;
    __builtin_memcpy(&four, scales, sizeof four);
    const __m512i scale = _mm512_max_epu8(_mm512_set1_epi32(four), _mm512_set1_epi8(1));
    const __m512i missing =
        _mm512_subs_epu8(_mm512_set1_epi8(static_cast<char>(kLargestScale)), scale);
    // To the high byte of each word, then to the exponent.
    return {codes.v, _mm512_srli_epi16(_mm512_shuffle_epi8(missing, spread), 1)};
  }

  // The next of the four vectors.
  Bf16x32 Next(Codes& codes) const {
    const __m512i value = _mm512_permutexvar_epi16(codes.words, values);
    codes.words = _mm512_srli_epi16(codes.words, 4);
    // Saturation keeps zero as it is.
    return {_mm512_subs_epu16(value, codes.shift)};
  }

  __m512i values = _mm512_loadu_si512(kValues.data());
  // Byte j of a 128-bit lane j into the high bytes of the lane's words.
  __m512i spread = _mm512_inserti32x4(
      _mm512_inserti32x4(_mm512_inserti32x4(_mm512_set1_epi16(0x0080), _mm_set1_epi16(0x0180), 1),
                         _mm_set1_epi16(0x0280), 2),
      _mm_set1_epi16(0x0380), 3);
};

// kRows rows side by side, as for E4M3.
template <simd::Ahead kAhead, int kRows, int kTokens>
void MultiplyRowsAt(const MatmulArgs& args, int64_t row, int64_t token) {
  const uint16_t* x[kTokens];
  for (int t = 0; t < kTokens; ++t) x[t] = simd::ActivationRow<uint16_t>(args, token + t);
  const Decoder decoder;
  const int64_t cols = args.weights.cols;
  const uint8_t* scales = args.weights.row_scales(row);
  simd::RowLines<I32x16, kRows, kAhead> lines(args.weights.row(row), cols / 2);
  F32x16 sums[kTokens][kRows];
  for (auto& sums_of_token : sums)
    for (F32x16& sum : sums_of_token) sum = F32x16::Zero();
  for (int64_t k = 0; k < cols; k += 128) {
    I32x16 line[kRows];
    lines.Next(line);
    Decoder::Codes codes[kRows];
    for (int r = 0; r < kRows; ++r)
      codes[r] = decoder.Begin(line[r], scales + r * (cols / 32) + k / 32);
    // One vector at a time where there are many sums: with all four of several rows, the registers
    // would not hold them (four rows by four tokens of a Zen 4 went from 46 to 73 GMAC/s).
    constexpr int kAtOnce = kTokens > 2 ? 1 : kVectors;
    for (int v = 0; v < kVectors; v += kAtOnce) {
      Bf16x32 w[kRows][kAtOnce];
      for (int r = 0; r < kRows; ++r)
        for (Bf16x32& vector : w[r]) vector = decoder.Next(codes[r]);
      for (int i = 0; i < kAtOnce; ++i)
        for (int t = 0; t < kTokens; ++t) {
          const Bf16x32 operand = Bf16x32::Load(x[t] + k + 32 * (v + i));
          for (int r = 0; r < kRows; ++r) sums[t][r] = AddDots(w[r][i], operand, sums[t][r]);
        }
    }
  }
  float* out = args.out + row - args.row_begin + token * args.out_stride;
  for (int t = 0; t < kTokens; ++t) simd::StoreSums<kRows>(sums[t], out + t * args.out_stride);
}

// Tokens up to which rows are decoded in registers: 8 are as many as two rows leave room for.
constexpr int64_t kDirectTokens = 8;

// Rows from `row` on, kRows at a time, by at most kTokens at once. Returns the first row that is
// left.
template <simd::Ahead kAhead, int kRows, int kTokens>
int64_t MultiplySideBySide(const MatmulArgs& args, int64_t row) {
  for (; row + kRows <= args.row_end; row += kRows)
    simd::ForTokenGroups<kTokens>(args.tokens, [&](auto size, int64_t token) {
      MultiplyRowsAt<kAhead, kRows, size>(args, row, token);
    });
  return row;
}

// Few tokens: straight from the stream of weights, as for E4M3. Two rows leave registers for eight
// tokens, so that nothing is decoded twice: 163 GMAC/s instead of 149 on two cores of a Zen 4.
template <simd::Ahead kAhead>
void MultiplyRows(const MatmulArgs& args) {
  int64_t row = args.row_begin;
  row = args.tokens <= 4 ? MultiplySideBySide<kAhead, 4, 4>(args, row)
                         : MultiplySideBySide<kAhead, 2, 8>(args, row);
  MultiplySideBySide<kAhead, 1, 4>(args, row);
}

void DecodePanelRow(const tensor::WeightMatrix& weights, int64_t row, int64_t col, int64_t vectors,
                    uint16_t* out) {
  constexpr int64_t kStep = simd::kPanelRows * Product::kWidth;
  const Decoder decoder;
  const std::byte* codes = weights.row(row) + col / 2;
  const uint8_t* scales = weights.row_scales(row) + col / 32;
  for (int64_t v = 0; v < vectors; v += kVectors) {
    Decoder::Codes line = decoder.Begin(I32x16::LoadRaw(codes + v * 16), scales + v);
    for (int i = 0; i < kVectors; ++i) decoder.Next(line).Store(out + (v + i) * kStep);
  }
}

}  // namespace

size_t ScratchBytesE2m1(int64_t) noexcept { return sizeof(simd::PanelScratch<Product>); }

void MatmulE2m1(const MatmulArgs& args) noexcept {
  if (args.tokens <= 0) return;
  if (args.tokens <= kDirectTokens)
    return simd::WithAhead([&args](auto ahead) { MultiplyRows<ahead>(args); });
  simd::MultiplyPanels<Product>(args,
                                [&args](int64_t row, int64_t col, int64_t vectors, uint16_t* out) {
                                  DecodePanelRow(args.weights, row, col, vectors, out);
                                });
}

}  // namespace fathom::kernels::avx512bf16
