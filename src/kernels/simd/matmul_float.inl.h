// Matrix products with float32 activations, all weight formats. Each output element has two running
// vector sums, of the 16-column groups with even and odd numbers (see matmul_panels.inl.h). With
// one, the latency of its additions would hold an E4M3 row below the rate of memory: 15.6 GB/s from
// cache where two give 28.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <utility>

#include "kernels/simd/formats.inl.h"
#include "kernels/simd/matmul_panels.inl.h"
#include "kernels/simd/row_lines.inl.h"

namespace fathom::kernels::simd {

template <class F>
struct FloatProduct {
  using Vec = F;
  using Element = float;
  using Operand = F;
  static constexpr int kWidth = 16;
  static constexpr int kSections = 2;
  static constexpr int kTileRows = F::kTileRows;
  static constexpr int kTileTokens = F::kTileTokens;
  static constexpr int64_t kPanelCols = 512;
  static constexpr int64_t kBlockTokens = 32;

  static F Load(const float* p) { return Pinned(F::Load(p)); }
  static F Dot(F w, F x, F sum) { return MulAdd(w, x, sum); }
};

// The rows of each format; 64 bytes hold kLineVectors * 16 weights. Decode gives the kVectors * 16
// weights from column k on, exactly; a row is poisoned, and each of its outputs NaN, once Decode
// met a NaN code.

template <class F>
struct F32Row {
  static constexpr int kVectors = 2, kLineVectors = 1;
  F32Row(const tensor::WeightMatrix& weights, int64_t row) : data(weights.row(row)) {}
  F DecodeOne(int64_t k) { return F::Load(data + 4 * k); }
  void Decode(int64_t k, F* out) {
    out[0] = DecodeOne(k);
    out[1] = DecodeOne(k + 16);
  }
  void Prefetch(int64_t k) const { PrefetchAhead(data + 4 * k); }
  bool IsPoisoned() const { return false; }

  const std::byte* data;
};

template <class F>
struct Bf16Row {
  static constexpr int kVectors = 2, kLineVectors = 2;
  Bf16Row(const tensor::WeightMatrix& weights, int64_t row) : data(weights.row(row)) {}
  F DecodeOne(int64_t k) { return F::LoadBf16(data + 2 * k); }
  void Decode(int64_t k, F* out) {
    out[0] = DecodeOne(k);
    out[1] = DecodeOne(k + 16);
  }
  void Prefetch(int64_t k) const { PrefetchAhead(data + 2 * k); }
  bool IsPoisoned() const { return false; }

  const std::byte* data;
};

template <class F>
struct E4m3Row {
  using I = typename F::Ints;
  static constexpr int kVectors = 4, kLineVectors = 4;
  E4m3Row(const tensor::WeightMatrix& weights, int64_t row)
      : codes(weights.row(row)), scales(weights.row_scales(row)) {}
  void Decode(int64_t k, F* out) {
    // The shift of DecodeE4m3 makes 480 of the NaN code: watching for it once per 64 codes is
    // cheaper than a selection for each 16.
    largest = MaxBytes(largest, I::LoadRaw(codes + k) & I::Broadcast(0x7F7F7F7F));
    const F scale = F::Broadcast(numerics::Ue8m0ToFloat(scales[k / 128]));
    for (int v = 0; v < kVectors; ++v) {
      const I code = I::LoadSignedBytes(codes + k + 16 * v);
      const I bits = ShiftLeft<20>(code) & I::Broadcast(static_cast<int32_t>(0x87F00000u));
      out[v] = FloatOf(bits) * F::Broadcast(0x1p120f) * scale;
    }
  }
  void Prefetch(int64_t k) const { PrefetchAhead(codes + k); }
  bool IsPoisoned() const { return HasByte(largest, 0x7F); }

  const std::byte* codes;
  const uint8_t* scales;
  I largest = I::Broadcast(0);  // of the code magnitudes, byte by byte
};

template <class F>
struct E2m1Row {
  static constexpr int kVectors = 2, kLineVectors = 8;
  E2m1Row(const tensor::WeightMatrix& weights, int64_t row)
      : codes(weights.row(row)), scales(weights.row_scales(row)) {}
  F DecodeOne(int64_t k) {
    const F scale = F::Broadcast(numerics::Ue8m0ToFloat(scales[k / 32]));
    return LookUpE2m1(F::Ints::LoadNibbles(codes + k / 2)) * scale;
  }
  void Decode(int64_t k, F* out) {
    out[0] = DecodeOne(k);
    out[1] = DecodeOne(k + 16);
  }
  void Prefetch(int64_t) const {}
  bool IsPoisoned() const { return false; }

  const std::byte* codes;
  const uint8_t* scales;
};

/// One row times kTokens activation rows, straight from the stream of weights.
template <class F, class Row, int kTokens>
void MultiplyRow(Row row, int64_t cols, const float* const* x, float* out, int64_t out_stride) {
  F sums[kTokens][2];
  for (auto& pair : sums) pair[0] = pair[1] = F::Zero();
  int64_t k = 0;
  for (; k + 16 * Row::kVectors <= cols; k += 16 * Row::kVectors) {
    F w[Row::kVectors];
    row.Prefetch(k);
    row.Decode(k, w);
    for (int v = 0; v < Row::kVectors; ++v)
      for (int t = 0; t < kTokens; ++t)
        sums[t][v % 2] = MulAdd(w[v], F::Load(x[t] + k + 16 * v), sums[t][v % 2]);
  }
  if constexpr (Row::kVectors == 2) {
    if (k < cols) {
      const F w = row.DecodeOne(k);
      for (int t = 0; t < kTokens; ++t) sums[t][0] = MulAdd(w, F::Load(x[t] + k), sums[t][0]);
    }
  }
  for (int t = 0; t < kTokens; ++t) {
    const float sum = Sum(sums[t][0] + sums[t][1]);
    out[t * out_stride] = row.IsPoisoned() ? std::numeric_limits<float>::quiet_NaN() : sum;
  }
}

template <class Row, size_t... kIndices>
std::array<Row, sizeof...(kIndices)> RowsFrom(const tensor::WeightMatrix& weights, int64_t row,
                                              std::index_sequence<kIndices...>) {
  return {Row(weights, row + static_cast<int64_t>(kIndices))...};
}

/// kRows rows side by side, each as in MultiplyRow. REQUIRES: whole lines.
template <class F, class Row, Ahead kAhead, int kRows, int kTokens>
void MultiplyRowsAt(const MatmulArgs& args, int64_t row, const float* const* x, float* out) {
  const int64_t cols = args.weights.cols;
  RowLines<Touch, kRows, kAhead> lines(args.weights.row(row), args.weights.row_bytes());
  std::array<Row, kRows> rows = RowsFrom<Row>(args.weights, row, std::make_index_sequence<kRows>());
  F sums[2][kTokens][kRows];
  for (auto& section : sums)
    for (auto& token : section)
      for (F& sum : token) sum = F::Zero();
  constexpr int kStep = std::max(Row::kVectors, Row::kLineVectors);
  for (int64_t k = 0; k < cols; k += 16 * kStep) {
    for (int line = 0; line < kStep; line += Row::kLineVectors) lines.Next();
    for (int v = 0; v < kStep; v += Row::kVectors)
      for (int r = 0; r < kRows; ++r) {
        F w[Row::kVectors];
        rows[r].Decode(k + 16 * v, w);
        for (int i = 0; i < Row::kVectors; ++i)
          for (int t = 0; t < kTokens; ++t)
            sums[i % 2][t][r] = MulAdd(w[i], F::Load(x[t] + k + 16 * (v + i)), sums[i % 2][t][r]);
      }
  }
  for (int t = 0; t < kTokens; ++t) {
    for (int r = 0; r < kRows; ++r) sums[0][t][r] = sums[0][t][r] + sums[1][t][r];
    StoreSums<kRows>(sums[0][t], out + t * args.out_stride);
    for (int r = 0; r < kRows; ++r)
      if (rows[r].IsPoisoned())
        out[t * args.out_stride + r] = std::numeric_limits<float>::quiet_NaN();
  }
}

/// Rows [row, row_end) times kTokens activation rows, of which `token` is the first.
template <class F, class Row, Ahead kAhead, int kTokens>
void MultiplyRows(const MatmulArgs& args, int64_t row, int64_t row_end, int64_t token,
                  const float* const* x) {
  float* out = args.out + token * args.out_stride - args.row_begin;
  if constexpr (F::kSideRows > 1) {
    constexpr int kRows = kTokens <= 2 ? F::kSideRows : F::kSideRows / 2;
    constexpr int64_t kStepCols = 16 * std::max(Row::kVectors, Row::kLineVectors);
    if (args.weights.cols % kStepCols == 0)
      for (; row + kRows <= row_end; row += kRows)
        MultiplyRowsAt<F, Row, kAhead, kRows, kTokens>(args, row, x, out + row);
  }
  for (; row < row_end; ++row)
    MultiplyRow<F, Row, kTokens>(Row(args.weights, row), args.weights.cols, x, out + row,
                                 args.out_stride);
}

/// Few tokens: straight from the stream of weights. x(token) gives activation rows.
template <class F, class Row, class Activations>
void MultiplyDirectly(const MatmulArgs& args, int64_t row, int64_t row_end, Activations x) {
  WithAhead([&](auto ahead) {
    ForTokenGroups<F::kGroupTokens>(args.tokens, [&](auto size, int64_t token) {
      const float* rows[size];
      for (int t = 0; t < size; ++t) rows[t] = x(token + t);
      MultiplyRows<F, Row, ahead, size>(args, row, row_end, token, rows);
    });
  });
}

template <class F, class Row>
void DecodePanelRow(const tensor::WeightMatrix& weights, int64_t row, int64_t col, int64_t vectors,
                    float* out) {
  constexpr int64_t kStep = kPanelRows * 16;
  Row source(weights, row);
  int64_t v = 0;
  for (; v + Row::kVectors <= vectors; v += Row::kVectors) {
    F w[Row::kVectors];
    source.Decode(col + 16 * v, w);
    for (int i = 0; i < Row::kVectors; ++i) w[i].Store(out + (v + i) * kStep);
  }
  if constexpr (Row::kVectors == 2) {
    if (v < vectors) source.DecodeOne(col + 16 * v).Store(out + v * kStep);
  }
  if (source.IsPoisoned()) out[0] = std::numeric_limits<float>::quiet_NaN();
}

template <class F, class Row>
void MultiplyInPanels(const MatmulArgs& args) {
  MultiplyPanels<FloatProduct<F>>(args,
                                  [&args](int64_t row, int64_t col, int64_t vectors, float* out) {
                                    DecodePanelRow<F, Row>(args.weights, row, col, vectors, out);
                                  });
}

template <class F, class Row>
void MatmulRows(const MatmulArgs& args) {
  if (args.tokens <= 0) return;
  if (args.tokens > F::kDirectTokens) return MultiplyInPanels<F, Row>(args);
  MultiplyDirectly<F, Row>(args, args.row_begin, args.row_end,
                           [&args](int64_t t) { return ActivationRow<float>(args, t); });
}

template <class F>
void MatmulFloat(const MatmulArgs& args) noexcept {
  switch (args.weights.format) {
    case tensor::WeightFormat::kF32:
      return MatmulRows<F, F32Row<F>>(args);
    case tensor::WeightFormat::kBf16:
      return MatmulRows<F, Bf16Row<F>>(args);
    case tensor::WeightFormat::kE4m3:
      return MatmulRows<F, E4m3Row<F>>(args);
    case tensor::WeightFormat::kE2m1:
      return MatmulRows<F, E2m1Row<F>>(args);
  }
}

template <class F>
size_t MatmulScratchBytes(int64_t) noexcept {
  return sizeof(PanelScratch<FloatProduct<F>>);
}

/// Quantised activations stay float32 in these tiers: the products are those of MatmulFloat.
template <class F>
size_t ActivationBytes(int64_t cols) noexcept {
  return static_cast<size_t>(cols) * sizeof(float);
}

template <class F>
void QuantizeActivations(const float* x, int64_t cols, tensor::WeightFormat,
                         std::byte* out) noexcept {
  auto* values = reinterpret_cast<float*>(out);
  for (int64_t block = 0; block < cols; block += numerics::kLinearBlock) {
    typename F::Ints codes[numerics::kLinearBlock / 16];
    const uint8_t code = QuantizeE4m3Block<F>(x + block, numerics::kLinearBlock, codes);
    const F scale = F::Broadcast(numerics::Ue8m0ToFloat(code));
    for (int64_t i = 0; i < numerics::kLinearBlock / 16; ++i)
      (DecodeE4m3<F>(codes[i]) * scale).Store(values + block + 16 * i);
  }
}

}  // namespace fathom::kernels::simd
