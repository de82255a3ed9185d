// Manifold-constrained hyper-connections (paper, section 2.2): the residual stream is several
// streams, and every sub-layer reads a mix of them and writes to all.
#pragma once

#include "model/config.h"
#include "model/weights.h"
#include "train/parameters.h"
#include "train/torch.h"

namespace fathom::train {

/// What a sub-layer reads, and how its output goes back.
struct StreamMix {
  at::Tensor input;    ///< [batch, tokens, hidden]
  at::Tensor post;     ///< [batch, tokens, hc]: how much of the output each stream gets
  at::Tensor combine;  ///< [batch, tokens, hc, hc], [source, destination]: doubly stochastic
};

/// Around one sub-layer. Streams are [batch, tokens, hc, hidden].
class HyperConnection {
 public:
  HyperConnection(const ParameterTable& table, const model::HyperConnectionWeights& weights);

  StreamMix Enter(const at::Tensor& streams) const;
  /// The streams after the sub-layer, whose output is `y` [batch, tokens, hidden].
  static at::Tensor Leave(const at::Tensor& streams, const at::Tensor& y, const StreamMix& mix);

 private:
  const model::ModelConfig& config_;
  at::Tensor fn_;
  at::Tensor base_;
  at::Tensor scale_;
};

/// Before the head: the streams become one.
class StreamHead {
 public:
  StreamHead(const ParameterTable& table, const model::HyperConnectionWeights& weights);

  at::Tensor Collapse(const at::Tensor& streams) const;

 private:
  const model::ModelConfig& config_;
  at::Tensor fn_;
  at::Tensor base_;
  at::Tensor scale_;
};

/// Row softmax of `logits` [.., hc, hc], then rows and columns normalised in turn, columns first
/// and last: Sinkhorn-Knopp.
at::Tensor Sinkhorn(const at::Tensor& logits, int64_t iterations, double eps);

/// sum_i weights[i] * streams[i]
at::Tensor SumStreams(const at::Tensor& streams, const at::Tensor& weights);

}  // namespace fathom::train
