// Caches as a long prefill would leave them, but with random contents: depth without the hours.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/thread_pool.h"
#include "kv/sequence_cache.h"
#include "numerics/row_layout.h"

namespace fathom::measure {

/// A stream of pseudo-random bits: a counter, mixed.
class RandomBits {
 public:
  explicit RandomBits(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u) {}

  uint64_t Next() {
    uint64_t x = state_ += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 32)) * 0xD6E8FEB86659FD93u;
    x = (x ^ (x >> 32)) * 0xD6E8FEB86659FD93u;
    return x ^ (x >> 32);
  }
  /// Uniform in [-1, 1).
  float NextFloat() { return static_cast<float>(static_cast<int64_t>(Next()) >> 40) * 0x1p-23f; }

 private:
  uint64_t state_;
};

/// A row as pack_row could have written it: E4M3 codes below 2 under scales of 1, BF16 below 2.
void FillRow(numerics::RowLayout layout, RandomBits& random, std::byte* row);

/// A tile of indexer keys: any E2M1 codes under scales of 1/8 to 1.
void FillIndexTile(numerics::IndexKeyLayout layout, RandomBits& random, std::byte* tile);

/// What `tokens` tokens leave in an empty layer.
void FillLayer(int64_t tokens, RandomBits random, kv::LayerCache& layer);

/// Brings an empty sequence to a length of `tokens`, MTP layers excepted: they stay empty. Lengths
/// and bytes are those of a computed sequence; the contents depend on `seed` alone.
void FillSequence(int64_t tokens, uint64_t seed, base::ThreadPool& pool, kv::SequenceCache& cache);

}  // namespace fathom::measure
