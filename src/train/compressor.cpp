#include "train/compressor.h"

#include <limits>

#include "train/norm.h"

namespace fathom::train {
namespace {

// The first half of the block before: [batch, blocks, ratio, dim], with `padding` before the first.
at::Tensor PreviousHalf(const at::Tensor& blocks, int64_t dim, double padding) {
  const at::Tensor half = blocks.slice(1, 0, blocks.size(1) - 1).slice(-1, 0, dim);
  return at::constant_pad_nd(half, {0, 0, 0, 0, 1, 0}, padding);
}

}  // namespace

Compressor::Compressor(const ParameterTable& table, const model::LayerPlan& plan,
                       const model::CompressorWeights& weights, int64_t dim, Use use)
    : config_(table.config()),
      plan_(plan),
      dim_(dim),
      use_(use),
      wkv_(table.Of(weights.wkv)),
      wgate_(table.Of(weights.wgate)),
      ape_(table.Of(weights.ape).value),
      norm_(table.Of(weights.norm).value) {}

// Each channel of a row is a mean of its block's values, weighted by the softmax of their scores.
// An overlapped row also takes the first half of the channels of the block before, and the second
// half of its own.
at::Tensor Compressor::Pool(const at::Tensor& values, const at::Tensor& scores) const {
  if (!plan_.overlapped) return (values * scores.softmax(2)).sum(2);
  constexpr double kNever = -std::numeric_limits<double>::infinity();
  const at::Tensor both_values =
      at::cat({PreviousHalf(values, dim_, 0), values.slice(-1, dim_)}, 2);
  const at::Tensor both_scores =
      at::cat({PreviousHalf(scores, dim_, kNever), scores.slice(-1, dim_)}, 2);
  return (both_values * both_scores.softmax(2)).sum(2);
}

at::Tensor Compressor::Forward(const at::Tensor& x, const Rotation& rotation,
                               const Rounding& rounding) const {
  const int64_t ratio = plan_.compress_ratio;
  const int64_t blocks = x.size(1) / ratio;
  if (blocks == 0) return at::zeros({x.size(0), 0, dim_}, x.options());
  const at::Tensor complete = x.slice(1, 0, blocks * ratio);
  const auto in_blocks = [&](const at::Tensor& t) { return t.unflatten(1, {blocks, ratio}); };
  const at::Tensor values = in_blocks(wkv_.Apply(complete, rounding));
  const at::Tensor scores = in_blocks(wgate_.Apply(complete, rounding)) + ape_;
  const at::Tensor rows = Rotate(RmsNorm(Pool(values, scores), norm_, config_.rms_norm_eps),
                                 rotation.Slice(0, blocks * ratio, ratio));
  if (!rounding.cache) return rows;
  return use_ == Use::kIndexKey ? RoundIndexVector(RotateHadamard(rows))
                                : RoundRow(rows, config_.qk_rope_head_dim);
}

}  // namespace fathom::train
