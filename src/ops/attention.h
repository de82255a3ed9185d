// Sparse attention of each query over its window and its compressed rows (paper, section 2.3).
#pragma once

#include <cstdint>
#include <span>

#include "kv/sequence_cache.h"
#include "numerics/row_layout.h"
#include "ops/context.h"

namespace fathom::ops {

/// What one query position attends to, in this order: window rows, then compressed rows.
struct VisibleRows {
  kv::WindowView window;
  int64_t window_begin = 0;  ///< positions [window_begin, window_end)
  int64_t window_end = 0;
  const kv::PagedRecords* rows = nullptr;  ///< compressed rows; null: none
  const int32_t* selected = nullptr;       ///< ascending indices; null: rows 0 .. row_count - 1
  int64_t row_count = 0;
};

/// See kernels::AttendArgs for the dimensions.
struct AttentionParams {
  numerics::RowLayout layout;
  int64_t heads = 0;
  int64_t key_dim = 0;
  int64_t value_begin = 0;
  int64_t value_dim = 0;
  const float* sinks = nullptr;  ///< [heads], in the denominator only; null: none
  float scale = 0;
};

size_t AttentionScratchBytes(const AttentionParams& params);

/// out[t, h] = sum of softmax(query[t, h] . row * scale) * row over the rows of visible[t].
/// query: [tokens, heads, key_dim]; out: [tokens, heads, value_dim]. Rows are taken in tiles, tiles
/// in spans, with borders that depend only on the query's position; spans are added in order: so
/// neither batching nor the number of threads can change a bit. `partial` holds the results of
/// spans that are computed side by side.
void Attend(Context& context, const AttentionParams& params, std::span<const VisibleRows> visible,
            const float* query, float* out, GrowingScratch& partial);

}  // namespace fathom::ops
