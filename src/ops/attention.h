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

struct AttentionParams {
  numerics::RowLayout layout;
  int64_t heads = 0;
  const float* sinks = nullptr;  ///< [heads], in the denominator only
  float scale = 0;
};

size_t AttentionScratchBytes(const AttentionParams& params);

/// out[t, h] = sum of softmax(query[t, h] . row * scale) * row over the rows of visible[t].
/// query, out: [tokens, heads, head_dim]. Rows are taken in tiles with borders that depend only on
/// the query's position, so that batching cannot change a bit.
void Attend(Context& context, const AttentionParams& params, std::span<const VisibleRows> visible,
            const float* query, float* out);

}  // namespace fathom::ops
