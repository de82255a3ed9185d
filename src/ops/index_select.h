// The indexer's scan: which compressed rows a query reads (paper, section 2.3.1).
#pragma once

#include <cstdint>
#include <span>

#include "kv/paged_records.h"
#include "ops/context.h"

namespace fathom::ops {

/// One query position that sees more rows than it may read.
struct IndexQuery {
  const int8_t* query = nullptr;            ///< [heads, dim] twice the E2M1 values
  const float* scales = nullptr;            ///< [heads, dim/32] block scales times 1/4
  const float* head_weights = nullptr;      ///< [heads]
  const kv::PagedRecords* tiles = nullptr;  ///< keys, 16 a record
  int64_t visible = 0;                      ///< keys 0 .. visible - 1
  int32_t* selected = nullptr;              ///< [top_k], written ascending
};

struct IndexParams {
  int64_t heads = 0;
  int64_t dim = 0;
  int64_t top_k = 0;
};

/// Scores every visible key of every query and selects the top_k best, exactly; ties go to the
/// lowest row. `scratch` holds the scores; it grows with the context, never with the batch: long
/// batches are scanned a few queries at a time. REQUIRES: visible > top_k for each query.
void SelectRows(Context& context, const IndexParams& params, std::span<const IndexQuery> queries,
                GrowingScratch& scratch);

}  // namespace fathom::ops
