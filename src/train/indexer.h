// The lightning indexer (paper, section 2.3.1): which compressed rows a token attends to.
#pragma once

#include <cstdint>

#include "model/config.h"
#include "model/weights.h"
#include "train/compressor.h"
#include "train/linear.h"
#include "train/parameters.h"
#include "train/rope.h"
#include "train/rounding.h"
#include "train/torch.h"
#include "train/visible_rows.h"

namespace fathom::train {

/// What scores are made from. No gradient leads from here to the layer's input: the indexer learns
/// from its own loss alone.
struct IndexVectors {
  at::Tensor queries;  ///< [batch, tokens, heads, dim]
  at::Tensor keys;     ///< [batch, rows, dim]
  at::Tensor weights;  ///< [batch, tokens, heads]

  IndexVectors Tokens(int64_t begin, int64_t end) const;
};

class Indexer {
 public:
  Indexer(const ParameterTable& table, const model::LayerPlan& plan,
          const model::IndexerWeights& weights);

  /// `x` is the layer's normalised input, `latent` the normalised output of wq_a.
  IndexVectors Forward(const at::Tensor& x, const at::Tensor& latent, const Rotation& rotation,
                       const Rounding& rounding) const;

 private:
  const model::ModelConfig& config_;
  Linear wq_b_;
  Linear weights_proj_;
  Compressor compressor_;
};

/// Scores [batch, tokens, rows] of the first `rows` rows: the sum over heads of weight x
/// relu(query . key).
at::Tensor IndexScores(const IndexVectors& vectors, int64_t rows);

/// The `count` best visible rows of every token, int64 [batch, tokens, count]: of equal scores the
/// lowest row. Token t sees the first (first_token + t + 1) / ratio rows; where those are fewer,
/// the rest is -1.
at::Tensor SelectRows(const at::Tensor& scores, int64_t count, int64_t first_token,
                      const VisibleRows& visible);

}  // namespace fathom::train
