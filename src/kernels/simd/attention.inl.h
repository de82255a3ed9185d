// Attention of one query position: a small matrix product of heads by rows, its softmax, and a
// second product of the weights with the same rows.
//
// A tile of BF16 rows and the queries of a few heads fit the first-level cache, which float32 rows
// would not; a shift and a mask for every 32 values cost no time beside the multiplications.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "kernels/kernel_table.h"
#include "kernels/simd/math.inl.h"

namespace fathom::kernels::simd {

/// The dims 0 .. 15 and 16 .. 31 of a block of a tile.
template <class F>
F LowHalves(typename F::Ints block) {
  return FloatOf(ShiftLeft<16>(block));
}
template <class F>
F HighHalves(typename F::Ints block) {
  return FloatOf(block & F::Ints::Broadcast(INT32_MIN >> 15));
}

/// sums[h][r] += query[h] * row[r] for 16 dims.
template <class F, int kHeads, int kRows>
void AddProducts(const float* query, int64_t key_dim, const F (&row)[kRows],
                 F (&sums)[kHeads][kRows]) {
  for (int h = 0; h < kHeads; ++h) {
    const F q = F::Load(query + h * key_dim);
    for (int r = 0; r < kRows; ++r) sums[h][r] = MulAdd(q, row[r], sums[h][r]);
  }
}

/// logits[h * kAttentionTile + r] for kHeads heads and kRows rows, before scaling. One running sum
/// each: a result does not depend on the shape of the tile.
template <class F, int kHeads, int kRows>
void QueryTile(const AttendArgs& args, const float* query, const std::byte* rows, float* logits) {
  const int64_t row_bytes = args.layout.row_bytes();
  F sums[kHeads][kRows];
  for (auto& head : sums)
    for (F& sum : head) sum = F::Zero();
  for (int64_t k = 0; k < args.key_dim; k += 32, rows += 64) {
    typename F::Ints block[kRows];
    F row[kRows];
    for (int r = 0; r < kRows; ++r) block[r] = F::Ints::LoadRaw(rows + r * row_bytes);
    for (int r = 0; r < kRows; ++r) row[r] = LowHalves<F>(block[r]);
    AddProducts<F>(query + k, args.key_dim, row, sums);
    if (k + 16 == args.key_dim) break;
    for (int r = 0; r < kRows; ++r) row[r] = HighHalves<F>(block[r]);
    AddProducts<F>(query + k + 16, args.key_dim, row, sums);
  }
  for (int h = 0; h < kHeads; ++h) StoreSums<kRows>(sums[h], logits + h * kAttentionTile);
}

/// out[h][d] = out[h][d] * corrections[h] + sum over rows, in order, of weights[h][r] * rows[r][d],
/// for kHeads heads and 16 * kVectors dims, from the start of a block on.
template <class F, int kHeads, int kVectors>
void ValueTile(const AttendArgs& args, const std::byte* rows,
               const float (*weights)[kAttentionTile], const float* corrections, float* out) {
  const int64_t row_bytes = args.layout.row_bytes();
  F sums[kHeads][kVectors];
  for (int h = 0; h < kHeads; ++h)
    for (int v = 0; v < kVectors; ++v)
      sums[h][v] = F::Load(out + h * args.value_dim + 16 * v) * F::Broadcast(corrections[h]);
  for (int64_t r = 0; r < args.count; ++r, rows += row_bytes) {
    F row[kVectors];
    for (int v = 0; v < kVectors; v += 2) {
      const auto block = F::Ints::LoadRaw(rows + 32 * v);
      row[v] = LowHalves<F>(block);
      if (v + 1 < kVectors) row[v + 1] = HighHalves<F>(block);
    }
    for (int h = 0; h < kHeads; ++h) {
      const F weight = F::Broadcast(weights[h][r]);
      for (int v = 0; v < kVectors; ++v) sums[h][v] = MulAdd(weight, row[v], sums[h][v]);
    }
  }
  for (int h = 0; h < kHeads; ++h)
    for (int v = 0; v < kVectors; ++v) sums[h][v].Store(out + h * args.value_dim + 16 * v);
}

/// Turns the logits of one head into weights and updates its max and sum. Returns what its former
/// output is to be multiplied by.
template <class F>
float UpdateSoftmax(float scale, int64_t count, float* logits, float* max, float* sum) {
  static_assert(kAttentionTile == 32);
  std::fill(logits + count, logits + kAttentionTile, -std::numeric_limits<float>::infinity());
  const F first = F::Load(logits) * F::Broadcast(scale);
  const F second = F::Load(logits + 16) * F::Broadcast(scale);
  const F largest = Max(F::Broadcast(MaxLane(Max(first, second))), F::Broadcast(*max));
  const float correction = First(Exp(F::Broadcast(*max) - largest));
  const F first_weights = Exp(first - largest);
  const F second_weights = Exp(second - largest);
  first_weights.Store(logits);
  second_weights.Store(logits + 16);
  *max = First(largest);
  *sum = *sum * correction + Sum(first_weights + second_weights);
  return correction;
}

/// kHeads heads from head h on.
template <class F, int kHeads>
void AttendHeads(const AttendArgs& args, int64_t h) {
  float logits[kHeads][kAttentionTile];
  float corrections[kHeads];
  const float* query = args.query + h * args.key_dim;
  const int64_t row_bytes = args.layout.row_bytes();
  int64_t r = 0;
  constexpr int kRows = F::kTileHeads;
  for (; r + kRows <= args.count; r += kRows)
    QueryTile<F, kHeads, kRows>(args, query, args.tile + r * row_bytes, logits[0] + r);
  for (; r < args.count; ++r)
    QueryTile<F, kHeads, 1>(args, query, args.tile + r * row_bytes, logits[0] + r);
  for (int i = 0; i < kHeads; ++i)
    corrections[i] = UpdateSoftmax<F>(args.scale, args.count, logits[i], args.state.max + h + i,
                                      args.state.sum + h + i);
  float* out = args.state.out + h * args.value_dim;
  const std::byte* values = args.tile + TileLayout::offset(args.value_begin);
  constexpr int kVectors = F::kTileHeads;
  int64_t d = 0;
  for (; d + 16 * kVectors <= args.value_dim; d += 16 * kVectors)
    ValueTile<F, kHeads, kVectors>(args, values + 2 * d, logits, corrections, out + d);
  for (; d + 32 <= args.value_dim; d += 32)
    ValueTile<F, kHeads, 2>(args, values + 2 * d, logits, corrections, out + d);
  if (d < args.value_dim)
    ValueTile<F, kHeads, 1>(args, values + 2 * d, logits, corrections, out + d);
}

template <class F>
void Attend(const AttendArgs& args) noexcept {
  int64_t h = 0;
  for (; h + F::kTileHeads <= args.heads; h += F::kTileHeads)
    AttendHeads<F, F::kTileHeads>(args, h);
  for (; h < args.heads; ++h) AttendHeads<F, 1>(args, h);
}

template <class F>
void MergeAttention(const SoftmaxState& other, int64_t heads, int64_t value_dim,
                    const SoftmaxState& state) noexcept {
  for (int64_t h = 0; h < heads; ++h) {
    const float max = std::max(state.max[h], other.max[h]);
    const F own = Exp(F::Broadcast(state.max[h] - max));
    const F others = Exp(F::Broadcast(other.max[h] - max));
    state.max[h] = max;
    state.sum[h] = state.sum[h] * First(own) + other.sum[h] * First(others);
    for (int64_t d = h * value_dim; d < (h + 1) * value_dim; d += 16)
      MulAdd(F::Load(state.out + d), own, F::Load(other.out + d) * others).Store(state.out + d);
  }
}

template <class F>
void FinishAttention(const SoftmaxState& state, const float* sinks, int64_t heads,
                     int64_t value_dim) noexcept {
  for (int64_t h = 0; h < heads; ++h) {
    const float sink = sinks != nullptr ? First(Exp(F::Broadcast(sinks[h] - state.max[h]))) : 0.0f;
    const F inverse = F::Broadcast(1.0f / (state.sum[h] + sink));
    float* out = state.out + h * value_dim;
    for (int64_t d = 0; d < value_dim; d += 16) (F::Load(out + d) * inverse).Store(out + d);
  }
}

}  // namespace fathom::kernels::simd
