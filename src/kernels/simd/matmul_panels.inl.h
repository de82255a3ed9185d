// Matrix products of many tokens: a few weight rows are decoded once for a block of tokens, into a
// panel that stays in the L1 cache, and multiplied by all of them in register tiles.
//
// The order of additions, here as in the one-pass kernels for few tokens: vector v of a row goes to
// running sum v mod kSections of its output element; at the end the sums are added in order, then
// their lanes by the tree of Sum. Tiles, panels and chunks never show in a result.
//
// A Product describes the operands:
//   Vec, Element, Operand        running sums, stored elements, a register of elements
//   kWidth, kSections            elements in an Operand; running sums of an output element
//   kTileRows, kTileTokens       a register tile: kSections sums for each
//   kPanelCols, kBlockTokens     columns decoded at once, tokens that share a decoded panel
//   Operand Load(const Element*)
//   Vec Dot(Operand w, Operand x, Vec sum)
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "kernels/simd/math.inl.h"

namespace fathom::kernels::simd {

/// Rows of a panel: two tiles or more, so that a tile of activations is used again from L1.
inline constexpr int64_t kPanelRows = 8;

/// Rows whose outputs are written together. One token's outputs lie a page or more from the
/// next one's: four at a time, each write missed the caches of addresses and lines, and products of
/// 384 tokens took 6 % longer.
inline constexpr int64_t kOutRows = 64;

/// How far ahead the one-row loops ask for weights. The hardware's own stream starts anew at every
/// 4 KiB, which is a row: this gains about 3 % for BF16 rows and 5 % for E4M3 times float32.
inline constexpr int64_t kPrefetchBytes = 2048;
inline void PrefetchAhead(const std::byte* weights) {
  __builtin_prefetch(weights + kPrefetchBytes);
}

/// The activation row of a token.
template <class Element>
const Element* ActivationRow(const MatmulArgs& args, int64_t token) {
  const int64_t row = args.x_rows != nullptr ? args.x_rows[token] : token;
  return reinterpret_cast<const Element*>(args.x + row * args.x_stride);
}

/// Scratch of the panel kernels.
template <class Product>
struct PanelScratch {
  /// Vector v of row r lies at (v * kPanelRows + r) * kWidth.
  alignas(64) typename Product::Element panel[kPanelRows * Product::kPanelCols];
  /// Running sums of every tile, each [section][row][token].
  alignas(64) float sums[Product::kSections * kPanelRows * Product::kBlockTokens * 16];
  /// Outputs of kOutRows rows, [token][row].
  alignas(64) float out[Product::kBlockTokens * kOutRows];
};

/// Asks for a rectangle of weights, a cache line at a step, while the one before it is multiplied.
/// Eight short rows at a time are no stream that the hardware would follow: without this, a product
/// for eight tokens first waits for memory, then computes. All lines at once would fill the miss
/// buffers, and the core would wait just as long.
class Prefetcher {
 public:
  Prefetcher() = default;
  /// Columns [col, col + cols) of rows [row, row + kPanelRows), as far as they exist.
  Prefetcher(const tensor::WeightMatrix& weights, int64_t row, int64_t row_end, int64_t col,
             int64_t cols)
      : rows_(std::min(kPanelRows, row_end - row)), row_bytes_(weights.row_bytes()) {
    const int64_t begin = row_bytes_ * col / weights.cols;
    line_ = weights.row(row) + begin;
    chunk_bytes_ = row_bytes_ * std::min(col + cols, weights.cols) / weights.cols - begin;
    stop_ = line_ + chunk_bytes_;
  }

  void Step() {
    if (rows_ <= 0) return;
    __builtin_prefetch(line_, 0, 2);
    line_ += 64;
    if (line_ < stop_) return;
    --rows_;
    stop_ += row_bytes_;
    line_ = stop_ - chunk_bytes_;
  }

 private:
  int64_t rows_ = 0;  // left to ask for
  int64_t row_bytes_ = 0;
  int64_t chunk_bytes_ = 0;
  const std::byte* line_ = nullptr;
  const std::byte* stop_ = nullptr;  // the end of the current row's chunk
};

/// The running sums of a tile, kTileRows rows by kTokens tokens. They stay in registers only if
/// every loop over them is unrolled and every function inlined: hence the pragmas and attributes.
template <class Product, int kTokens>
struct TileSums {
  using Vec = typename Product::Vec;
  static constexpr int kCount = Product::kSections * Product::kTileRows * kTokens;

  void Clear() {
#pragma GCC unroll 32
    for (Vec& sum : flat) sum = Vec::Zero();
  }
  void Load(const float* stored) {
#pragma GCC unroll 32
    for (int i = 0; i < kCount; ++i) flat[i] = Vec::Load(stored + 16 * i);
  }
  void Store(float* stored) const {
#pragma GCC unroll 32
    for (int i = 0; i < kCount; ++i) flat[i].Store(stored + 16 * i);
  }
  Vec& At(int section, int row, int token) {
    return flat[(section * Product::kTileRows + row) * kTokens + token];
  }

  Vec flat[kCount];
};

/// Adds vector v of the rows and tokens to the sums of one section.
template <class Product, int kTokens>
[[gnu::always_inline]] inline void AddVector(const typename Product::Element* panel,
                                             const typename Product::Element* const* x, int64_t v,
                                             int section, TileSums<Product, kTokens>* sums) {
  typename Product::Operand w[Product::kTileRows];
#pragma GCC unroll 8
  for (int r = 0; r < Product::kTileRows; ++r)
    w[r] = Product::Load(panel + (v * kPanelRows + r) * Product::kWidth);
#pragma GCC unroll 8
  for (int t = 0; t < kTokens; ++t) {
    const auto operand = Product::Load(x[t] + v * Product::kWidth);
#pragma GCC unroll 8
    for (int r = 0; r < Product::kTileRows; ++r)
      sums->At(section, r, t) = Product::Dot(w[r], operand, sums->At(section, r, t));
  }
}

/// Adds a chunk of columns to a tile.
template <class Product, int kTokens>
[[gnu::always_inline]] inline void MultiplyTile(const typename Product::Element* panel,
                                                const typename Product::Element* const* x,
                                                int64_t vectors, Prefetcher* prefetcher,
                                                TileSums<Product, kTokens>* sums) {
  int64_t v = 0;
  for (; v + Product::kSections <= vectors; v += Product::kSections) {
    prefetcher->Step();
#pragma GCC unroll 4
    for (int section = 0; section < Product::kSections; ++section)
      AddVector<Product, kTokens>(panel, x, v + section, section, sums);
  }
  static_assert(Product::kSections <= 2);
  if (v < vectors) AddVector<Product, kTokens>(panel, x, v, 0, sums);
}

/// Reduces the running sums of a tile and writes its outputs, of which `rows` exist.
template <class Product, int kTokens>
[[gnu::always_inline]] inline void FinishTile(TileSums<Product, kTokens>* sums, int64_t rows,
                                              float* out, int64_t out_stride) {
  constexpr int kRows = Product::kTileRows;
#pragma GCC unroll 8
  for (int t = 0; t < kTokens; ++t) {
    typename Product::Vec totals[kRows];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      totals[r] = sums->At(0, r, t);
      for (int section = 1; section < Product::kSections; ++section)
        totals[r] = totals[r] + sums->At(section, r, t);
    }
    float results[kRows];
    StoreSums<kRows>(totals, results);
    for (int64_t r = 0; r < std::min<int64_t>(kRows, rows); ++r)
      out[t * out_stride + r] = results[r];
  }
}

/// A chunk of columns of one panel: what every tile of it shares.
template <class Product>
struct PanelChunk {
  const typename Product::Element* const* x;  ///< the block's tokens, at the chunk's first column
  int64_t rows, vectors;
  bool first, last;
  float* out;  ///< of the block's first token and the panel's first row
  int64_t out_stride;
};

template <class Product, int kTokens>
void RunTile(const PanelChunk<Product>& chunk, int64_t token, Prefetcher* prefetcher,
             PanelScratch<Product>* scratch) {
  constexpr int64_t kRows = Product::kTileRows;
  float* stored = scratch->sums + token * Product::kSections * kPanelRows * 16;
  for (int64_t r = 0; r < chunk.rows; r += kRows) {
    TileSums<Product, kTokens> sums;
    chunk.first ? sums.Clear() : sums.Load(stored);
    MultiplyTile<Product, kTokens>(scratch->panel + r * Product::kWidth, chunk.x + token,
                                   chunk.vectors, prefetcher, &sums);
    if (chunk.last)
      FinishTile<Product, kTokens>(&sums, chunk.rows - r, chunk.out + token * chunk.out_stride + r,
                                   chunk.out_stride);
    else
      sums.Store(stored);
    stored += Product::kSections * kRows * kTokens * 16;
  }
}

/// RunTile for a number of tokens known at run time, at most kTokens.
template <class Product, int kTokens>
void RunTileOf(int64_t tokens, const PanelChunk<Product>& chunk, int64_t token,
               Prefetcher* prefetcher, PanelScratch<Product>* scratch) {
  if constexpr (kTokens > 1) {
    if (tokens < kTokens)
      return RunTileOf<Product, kTokens - 1>(tokens, chunk, token, prefetcher, scratch);
  }
  RunTile<Product, kTokens>(chunk, token, prefetcher, scratch);
}

/// Tokens that share decoded panels: at most kBlockTokens.
struct TokenBlock {
  int64_t begin, tokens;
};

/// One panel, kPanelRows rows from `row` on as far as they exist, by a block of tokens.
template <class Product, class Decode>
void MultiplyPanel(const MatmulArgs& args, const TokenBlock& block, int64_t row, Decode decode) {
  using Element = typename Product::Element;
  auto* scratch = reinterpret_cast<PanelScratch<Product>*>(args.scratch);
  constexpr int64_t kTileTokens = Product::kTileTokens, kTileRows = Product::kTileRows;
  const int64_t cols = args.weights.cols;
  const int64_t rows = std::min(kPanelRows, args.row_end - row);
  for (int64_t col = 0; col < cols; col += Product::kPanelCols) {
    const int64_t chunk_cols = std::min<int64_t>(Product::kPanelCols, cols - col);
    const int64_t vectors = chunk_cols / Product::kWidth;
    // A tile has all its rows; those beyond the range repeat the last and are not written.
    for (int64_t r = 0; r < (rows + kTileRows - 1) / kTileRows * kTileRows; ++r)
      decode(row + std::min(r, rows - 1), col, vectors, scratch->panel + r * Product::kWidth);
    const Element* x[Product::kBlockTokens];
    for (int64_t t = 0; t < block.tokens; ++t)
      x[t] = ActivationRow<Element>(args, block.begin + t) + col;
    const PanelChunk<Product> chunk = {.x = x,
                                       .rows = rows,
                                       .vectors = vectors,
                                       .first = col == 0,
                                       .last = col + chunk_cols == cols,
                                       .out = scratch->out + (row - args.row_begin) % kOutRows,
                                       .out_stride = kOutRows};
    // Later blocks find the weights in the cache.
    Prefetcher prefetcher;
    if (block.begin == 0)
      prefetcher = {args.weights, chunk.last ? row + kPanelRows : row, args.row_end,
                    chunk.last ? 0 : col + chunk_cols, Product::kPanelCols};
    // Tiles of equal size: one of a single token would load more than it multiplies.
    const int64_t tiles = (block.tokens + kTileTokens - 1) / kTileTokens;
    for (int64_t i = 0; i < tiles; ++i) {
      const int64_t t = i * block.tokens / tiles;
      RunTileOf<Product, kTileTokens>((i + 1) * block.tokens / tiles - t, chunk, t, &prefetcher,
                                      scratch);
    }
  }
}

/// Writes the outputs of rows [row_begin, row_end), at most kOutRows.
template <class Product>
void WriteOutputs(const MatmulArgs& args, const TokenBlock& block, int64_t row_begin,
                  int64_t row_end) {
  const auto* scratch = reinterpret_cast<const PanelScratch<Product>*>(args.scratch);
  float* out = args.out + block.begin * args.out_stride + row_begin - args.row_begin;
  for (int64_t t = 0; t < block.tokens; ++t)
    std::copy_n(scratch->out + t * kOutRows, row_end - row_begin, out + t * args.out_stride);
}

/// The product. decode(row, col, vectors, out) writes `vectors` vectors of a weight row, from
/// column `col` on, to out[v * kPanelRows * kWidth].
template <class Product, class Decode>
void MultiplyPanels(const MatmulArgs& args, Decode decode) {
  for (int64_t begin = 0; begin < args.tokens; begin += Product::kBlockTokens) {
    const TokenBlock block = {begin, std::min<int64_t>(Product::kBlockTokens, args.tokens - begin)};
    for (int64_t first = args.row_begin; first < args.row_end; first += kOutRows) {
      const int64_t end = std::min(args.row_end, first + kOutRows);
      for (int64_t row = first; row < end; row += kPanelRows)
        MultiplyPanel<Product>(args, block, row, decode);
      WriteOutputs<Product>(args, block, first, end);
    }
  }
}

}  // namespace fathom::kernels::simd
