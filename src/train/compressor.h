// The compressor (paper, section 2.3.1): a block of tokens becomes one row.
#pragma once

#include <cstdint>

#include "model/config.h"
#include "model/weights.h"
#include "train/linear.h"
#include "train/parameters.h"
#include "train/rope.h"
#include "train/rounding.h"
#include "train/torch.h"

namespace fathom::train {

class Compressor {
 public:
  /// What becomes of a row: attended to, or compared with by the indexer.
  enum class Use : uint8_t { kRow, kIndexKey };

  /// `dim`: elements of a row.
  Compressor(const ParameterTable& table, const model::LayerPlan& plan,
             const model::CompressorWeights& weights, int64_t dim, Use use);

  /// Rows [batch, tokens / ratio, dim] of x [batch, tokens, hidden]; tokens of an incomplete last
  /// block have none. `rotation` is that of all tokens: a row has its block's first.
  at::Tensor Forward(const at::Tensor& x, const Rotation& rotation, const Rounding& rounding) const;

 private:
  at::Tensor Pool(const at::Tensor& values, const at::Tensor& scores) const;

  const model::ModelConfig& config_;
  const model::LayerPlan& plan_;
  int64_t dim_;
  Use use_;
  Linear wkv_;
  Linear wgate_;
  at::Tensor ape_;
  at::Tensor norm_;
};

}  // namespace fathom::train
