// What the indexer learns from: the attention that it should predict.
#pragma once

#include <cstdint>

#include "train/indexer.h"
#include "train/torch.h"

namespace fathom::train {

/// Queries of consecutive tokens and the rows that they may attend to, as Attend has them.
struct IndexerLossInputs {
  at::Tensor queries;   ///< [batch, tokens, heads, dim], scaled
  at::Tensor rows;      ///< [batch, rows, dim]
  IndexVectors index;   ///< of the same tokens, and of all rows
  at::Tensor selected;  ///< int64 [batch, tokens, count]; undefined: all visible rows
  int64_t first_token = 0;
  VisibleRows visible{};
};

/// The sum over tokens of the KL divergence of softmax(index scores) from the attention over the
/// compressed rows, averaged over the heads. Its gradient reaches the index vectors only. Tokens
/// that see no row count as 0.
at::Tensor IndexerLoss(const IndexerLossInputs& inputs);

}  // namespace fathom::train
