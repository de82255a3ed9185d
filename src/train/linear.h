// A matrix of the checkpoint, used as its storage format has it used.
#pragma once

#include "train/parameters.h"
#include "train/rounding.h"
#include "train/torch.h"

namespace fathom::train {

/// y = x W^T, for one matrix [rows, cols] or a stack of them. FP8 and FP4 matrices and their inputs
/// are rounded where the rounding says so; other formats never are.
class Linear {
 public:
  Linear() = default;
  explicit Linear(const Parameter& parameter)
      : value_(parameter.value), format_(parameter.format), adapter_(parameter.adapter) {}

  /// As rounded, with the adapter.
  at::Tensor Weight(const Rounding& rounding) const;
  at::Tensor Input(const at::Tensor& x, const Rounding& rounding) const;
  /// REQUIRES: no stack.
  at::Tensor Apply(const at::Tensor& x, const Rounding& rounding) const;

 private:
  bool is_quantized() const {
    return format_ == model::WeightFormat::kE4m3 || format_ == model::WeightFormat::kE2m1;
  }

  at::Tensor value_;
  model::WeightFormat format_ = model::WeightFormat::kF32;
  LowRank adapter_;
};

}  // namespace fathom::train
