// Attention of one query position: a small matrix product of heads by rows, its softmax, and a
// second product of the weights with the same rows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "kernels/kernel_table.h"
#include "kernels/simd/math.inl.h"

namespace fathom::kernels::simd {

/// logits[h * kAttentionTile + r] for kHeads heads and kRows rows, before scaling. One running sum
/// each: a result does not depend on the shape of the tile.
template <class F, int kHeads, int kRows>
void QueryTile(const float* query, const float* rows, int64_t head_dim, float* logits) {
  F sums[kHeads][kRows];
  for (auto& head : sums)
    for (F& sum : head) sum = F::Zero();
  for (int64_t k = 0; k < head_dim; k += 16) {
    F row[kRows];
    for (int r = 0; r < kRows; ++r) row[r] = F::Load(rows + r * head_dim + k);
    for (int h = 0; h < kHeads; ++h) {
      const F q = F::Load(query + h * head_dim + k);
      for (int r = 0; r < kRows; ++r) sums[h][r] = MulAdd(q, row[r], sums[h][r]);
    }
  }
  for (int h = 0; h < kHeads; ++h) StoreSums<kRows>(sums[h], logits + h * kAttentionTile);
}

/// out[h][d] = out[h][d] * corrections[h] + sum over rows, in order, of weights[h][r] * rows[r][d],
/// for kHeads heads and kVectors vectors of d.
template <class F, int kHeads, int kVectors>
void ValueTile(const AttendArgs& args, const float* rows, const float (*weights)[kAttentionTile],
               const float* corrections, float* out) {
  F sums[kHeads][kVectors];
  for (int h = 0; h < kHeads; ++h)
    for (int v = 0; v < kVectors; ++v)
      sums[h][v] = F::Load(out + h * args.head_dim + 16 * v) * F::Broadcast(corrections[h]);
  for (int64_t r = 0; r < args.count; ++r) {
    F row[kVectors];
    for (int v = 0; v < kVectors; ++v) row[v] = F::Load(rows + r * args.head_dim + 16 * v);
    for (int h = 0; h < kHeads; ++h) {
      const F weight = F::Broadcast(weights[h][r]);
      for (int v = 0; v < kVectors; ++v) sums[h][v] = MulAdd(weight, row[v], sums[h][v]);
    }
  }
  for (int h = 0; h < kHeads; ++h)
    for (int v = 0; v < kVectors; ++v) sums[h][v].Store(out + h * args.head_dim + 16 * v);
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
  const int64_t dim = args.head_dim;
  const float* query = args.query + h * dim;
  int64_t r = 0;
  constexpr int kRows = F::kTileHeads;
  for (; r + kRows <= args.count; r += kRows)
    QueryTile<F, kHeads, kRows>(query, args.rows + r * dim, dim, logits[0] + r);
  for (; r < args.count; ++r)
    QueryTile<F, kHeads, 1>(query, args.rows + r * dim, dim, logits[0] + r);
  for (int i = 0; i < kHeads; ++i)
    corrections[i] =
        UpdateSoftmax<F>(args.scale, args.count, logits[i], args.max + h + i, args.sum + h + i);
  float* out = args.out + h * dim;
  constexpr int kVectors = F::kTileHeads;
  int64_t d = 0;
  for (; d + 16 * kVectors <= dim; d += 16 * kVectors)
    ValueTile<F, kHeads, kVectors>(args, args.rows + d, logits, corrections, out + d);
  for (; d < dim; d += 16)
    ValueTile<F, kHeads, 1>(args, args.rows + d, logits, corrections, out + d);
}

template <class F>
void Attend(const AttendArgs& args) noexcept {
  int64_t h = 0;
  for (; h + F::kTileHeads <= args.heads; h += F::kTileHeads)
    AttendHeads<F, F::kTileHeads>(args, h);
  for (; h < args.heads; ++h) AttendHeads<F, 1>(args, h);
}

template <class F>
void FinishAttention(const float* max, const float* sum, const float* sinks, int64_t heads,
                     int64_t head_dim, float* out) noexcept {
  for (int64_t h = 0; h < heads; ++h) {
    const float sink = First(Exp(F::Broadcast(sinks[h] - max[h])));
    const F inverse = F::Broadcast(1.0f / (sum[h] + sink));
    float* head = out + h * head_dim;
    for (int64_t d = 0; d < head_dim; d += 16) (F::Load(head + d) * inverse).Store(head + d);
  }
}

}  // namespace fathom::kernels::simd
