// The indexer: E2M1 quantisation and the scores of its keys. Integer sums are exact, and the float
// operations are portable's, one by one: every tier gives the same bits.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "kernels/simd/formats.inl.h"
#include "numerics/block_scale.h"

namespace fathom::kernels::simd {

template <class F>
void QuantizeE2m1(const float* x, int64_t n, uint8_t* codes, uint8_t* scales) noexcept {
  for (int64_t block = 0; block < n / numerics::kFp4Block; ++block) {
    const int64_t begin = block * numerics::kFp4Block;
    scales[block] = numerics::E2m1BlockScale(MaxMagnitude<F>(x + begin, numerics::kFp4Block));
    const F reciprocal = F::Broadcast(numerics::Ue8m0Reciprocal(scales[block]));
    for (int64_t i = begin; i < begin + numerics::kFp4Block; i += 16)
      EncodeE2m1<F>(F::Load(x + i) * reciprocal).StoreBytes(codes + i);
  }
}

/// Keys are looked up as twice their value plus this, so that they are unsigned: 0 .. 24.
inline constexpr int32_t kKeyOffset = 12;

/// Heads whose running scores of a tile lie on the stack.
inline constexpr int64_t kScoreHeads = 64;

/// Dwords (four dimensions) of a 32-dimension block.
inline constexpr int kBlockDwords = numerics::kFp4Block / 4;

/// Block `block` of kTiles key tiles: doubled and offset values, and scales.
template <class F, int kTiles>
struct KeyBlock {
  using I = typename F::Ints;

  KeyBlock(const IndexScoreArgs& args, const std::byte* tile, int64_t block) {
    alignas(16) static constexpr int8_t kValues[16] = {12, 13, 14, 15, 16, 18, 20, 24,
                                                       12, 11, 10, 9,  8,  6,  4,  0};
    const I table = I::BroadcastTable(kValues);
    const I low_nibbles = I::Broadcast(0x0F0F0F0F);
    for (int i = 0; i < kTiles; ++i, tile += args.layout.tile_bytes()) {
      const std::byte* groups = tile + block * (kBlockDwords / 2) * 64;
      for (int g = 0; g < kBlockDwords / 2; ++g) {
        const I codes = I::LoadRaw(groups + g * 64);
        values[i][2 * g] = LookUpBytes(table, codes & low_nibbles);
        values[i][2 * g + 1] = LookUpBytes(table, ShiftRight<4>(codes) & low_nibbles);
      }
      const I code = I::LoadBytes(tile + args.layout.code_bytes() + block * kIndexTile);
      // As Ue8m0ToFloat: a bare exponent field, but for code 0.
      scales[i] =
          FloatOf(Select(Equal(code, I::Broadcast(0)), I::Broadcast(1 << 22), ShiftLeft<23>(code)));
    }
  }

  I values[kTiles][kBlockDwords];
  F scales[kTiles];
};

/// Adds one block of dimensions to the scores of heads [begin, end): totals[h - begin][tile][key].
template <class F, class Dots, int kTiles>
void ScoreBlock(const IndexScoreArgs& args, const std::byte* tile, int64_t block, int64_t begin,
                int64_t end, const int32_t* starts, float (*totals)[kTiles][kIndexTile]) {
  using I = typename F::Ints;
  const int64_t blocks = args.layout.dim / numerics::kFp4Block;
  const KeyBlock<F, kTiles> keys(args, tile, block);
  for (int64_t h = begin; h < end; ++h) {
    const int8_t* query = args.query + h * args.layout.dim + block * numerics::kFp4Block;
    I dots[kTiles];
    const int32_t start = starts[(h - begin) * blocks + block];
    for (I& dot : dots) dot = Dots::Begin(start);
    for (int g = 0; g < kBlockDwords; ++g) {
      const I four = I::BroadcastDword(query + 4 * g);
      for (int i = 0; i < kTiles; ++i) dots[i] = Dots::Add(dots[i], keys.values[i][g], four);
    }
    const F query_scale = F::Broadcast(args.query_scales[h * blocks + block]);
    for (int i = 0; i < kTiles; ++i) {
      float* total = totals[h - begin][i];
      // Exact before the addition, as portable's is: scales are powers of two.
      MulAdd(ToFloat(Dots::Finish(dots[i], start)), query_scale * keys.scales[i],
             block == 0 ? F::Zero() : F::Load(total))
          .Store(total);
    }
  }
}

/// kTiles tiles against heads [begin, end), added to scores unless `begin` is 0.
template <class F, class Dots, int kTiles>
void ScoreTiles(const IndexScoreArgs& args, int64_t first_tile, int64_t begin, int64_t end,
                const int32_t* starts) {
  float totals[kScoreHeads][kTiles][kIndexTile];
  const std::byte* tile = args.keys + first_tile * args.layout.tile_bytes();
  const int64_t blocks = args.layout.dim / numerics::kFp4Block;
  for (int64_t block = 0; block < blocks; ++block)
    ScoreBlock<F, Dots, kTiles>(args, tile, block, begin, end, starts, totals);
  for (int i = 0; i < kTiles; ++i) {
    float* scores = args.scores + (first_tile + i) * kIndexTile;
    F score = begin == 0 ? F::Zero() : F::Load(scores);
    for (int64_t h = begin; h < end; ++h)
      score = score +
              Max(F::Load(totals[h - begin][i]), F::Zero()) * F::Broadcast(args.head_weights[h]);
    score.Store(scores);
  }
}

template <class F, class Dots>
void IndexScores(const IndexScoreArgs& args) noexcept {
  constexpr int64_t kMaxBlocks = kMaxIndexDim / numerics::kFp4Block;
  const int64_t blocks = args.layout.dim / numerics::kFp4Block;
  for (int64_t begin = 0; begin < args.heads; begin += kScoreHeads) {
    const int64_t end = std::min(begin + kScoreHeads, args.heads);
    // What takes the keys' offset off their products again.
    int32_t starts[kScoreHeads * kMaxBlocks];
    for (int64_t i = 0; i < (end - begin) * blocks; ++i) {
      const int8_t* query = args.query + begin * args.layout.dim + i * numerics::kFp4Block;
      starts[i] = 0;
      for (int d = 0; d < numerics::kFp4Block; ++d) starts[i] -= kKeyOffset * query[d];
    }
    int64_t tile = 0;
    for (; tile + 2 <= args.tiles; tile += 2)
      ScoreTiles<F, Dots, 2>(args, tile, begin, end, starts);
    for (; tile < args.tiles; ++tile) ScoreTiles<F, Dots, 1>(args, tile, begin, end, starts);
  }
}

}  // namespace fathom::kernels::simd
