// Attention and selection computed from the definitions, in double precision: what measured results
// are held against. Slow: for a few heads and keys.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/function_ref.h"
#include "base/result.h"
#include "numerics/row_layout.h"
#include "ops/attention.h"

namespace fathom::measure {

/// The values of a stored row.
std::vector<float> DecodeRow(const std::byte* row, numerics::RowLayout layout);

/// The values of key `key` of a tile of indexer keys.
std::vector<float> DecodeIndexKey(const std::byte* tile, int64_t key,
                                  numerics::IndexKeyLayout layout);

/// Compares one head's output [value_dim] with that of its query [key_dim]. The error names the
/// first dimension that is off by more than float32 sums explain.
base::Status CheckHead(const ops::AttentionParams& params, const ops::VisibleRows& visible,
                       int64_t head, const float* query, const float* out);

/// Samples the keys [0, keys): none that is not selected may score above one that is, but for
/// rounding. `selected` is ascending.
base::Status CheckSelection(int64_t keys, std::span<const int32_t> selected,
                            base::FunctionRef<double(int64_t key)> score);

}  // namespace fathom::measure
