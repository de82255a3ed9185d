// Attention of queries to the window and to compressed rows: everything between the projections.
#pragma once

#include <cstdint>

#include "train/torch.h"
#include "train/visible_rows.h"

namespace fathom::train {

/// What the queries of consecutive tokens see. Keys are values too, and all heads share them.
struct AttendOptions {
  int64_t first_token = 0;  ///< position of the first query in its sequence
  int64_t window = 128;     ///< tokens, a query's own included; divides first_token
  VisibleRows rows{};       ///< compressed ones
};

struct AttendInputs {
  at::Tensor queries;   ///< [batch, tokens, heads, dim], scaled
  at::Tensor sinks;     ///< [heads]: logits that count in the denominator only
  at::Tensor window;    ///< [batch, window + tokens, dim]: rows from first_token - window on
  at::Tensor rows;      ///< [batch, rows, dim]; undefined if there are none
  at::Tensor selected;  ///< int64 [batch, tokens, count], -1 for none; undefined: all visible rows
};

/// The heads' outputs [batch, tokens, heads, dim].
at::Tensor Attend(const AttendInputs& inputs, const AttendOptions& options);

/// 0 where query first_token + t sees row n, else -infinity: float [tokens, 1, rows]. Each sees at
/// least `least` rows.
at::Tensor VisibleBias(int64_t first_token, int64_t tokens, int64_t rows,
                       const VisibleRows& visible, int64_t least = 0);

/// 0 where `selected` names a row, else -infinity: [batch, tokens, 1, count].
at::Tensor SelectedBias(const at::Tensor& selected);

/// queries . rows [batch, rows, dim], which are all (`selected` is undefined), or what is selected:
/// [batch, tokens, heads, rows or count].
at::Tensor RowLogits(const at::Tensor& queries, const at::Tensor& rows, const at::Tensor& selected);

}  // namespace fathom::train
