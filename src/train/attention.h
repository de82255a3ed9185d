// The attention sub-layer (paper, section 2.3): window, CSA or HCA, as the layer's plan says.
#pragma once

#include <optional>

#include "model/config.h"
#include "model/weights.h"
#include "train/attend.h"
#include "train/compressor.h"
#include "train/indexer.h"
#include "train/linear.h"
#include "train/parameters.h"
#include "train/pass.h"
#include "train/torch.h"

namespace fathom::train {

class Attention {
 public:
  Attention(const ParameterTable& table, const model::LayerPlan& plan,
            const model::AttentionWeights& weights);

  /// `x`: the normalised input [batch, tokens, hidden].
  at::Tensor Forward(const at::Tensor& x, Pass& pass) const;

 private:
  // Queries and keys of the whole sequence.
  struct Projected {
    at::Tensor queries;  // [batch, tokens, heads, dim], scaled
    at::Tensor window;   // [batch, window + tokens, dim], zeros before the first token
    at::Tensor rows;     // [batch, rows, dim]; undefined in window layers
    std::optional<IndexVectors> index;
  };

  // Puts the crowd's rows among those of the sequence.
  VisibleRows JoinCrowd(Projected& all, Pass& pass) const;
  // The tokens of the window that a pass sees.
  int64_t WindowOf(const PassOptions& options) const;
  Projected Project(const at::Tensor& x, const Rotation& rotation,
                    const PassOptions& options) const;
  at::Tensor AttendPiece(const Projected& all, const VisibleRows& visible, int64_t begin,
                         int64_t end, Pass& pass) const;
  at::Tensor ProjectOutput(const at::Tensor& heads, const Rounding& rounding) const;

  const model::ModelConfig& config_;
  const model::LayerPlan& plan_;
  Linear wq_a_;
  Linear wq_b_;
  Linear wkv_;
  Linear wo_a_;
  Linear wo_b_;
  at::Tensor q_norm_;
  at::Tensor kv_norm_;
  at::Tensor sinks_;
  std::optional<Compressor> compressor_;
  std::optional<Indexer> indexer_;
};

}  // namespace fathom::train
