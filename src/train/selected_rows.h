// Products with the rows that each token selects. As compositions of the library's own operations
// they would gather a copy of the rows for every token, and multiply it by a few heads at a time.
#pragma once

#include "train/torch.h"

namespace fathom::train {

/// Each token's queries [batch, tokens, heads, dim] by the rows [batch, rows, dim] that `selected`,
/// int64 [batch, tokens, count], names for it: [batch, tokens, heads, count]. A token with fewer
/// rows has -1 behind them, and 0 there.
at::Tensor SelectedLogits(const at::Tensor& queries, const at::Tensor& rows,
                          const at::Tensor& selected);

/// The sums of those rows by weights [batch, tokens, heads, count]: [batch, tokens, heads, dim].
at::Tensor MixSelectedRows(const at::Tensor& weights, const at::Tensor& rows,
                           const at::Tensor& selected);

}  // namespace fathom::train
