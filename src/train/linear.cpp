#include "train/linear.h"

namespace fathom::train {

at::Tensor Linear::Weight(const Rounding& rounding) const {
  at::Tensor weight = value_;
  if (adapter_.up.defined()) weight = weight + at::matmul(adapter_.up, adapter_.down);
  if (!rounding.linears || !is_quantized()) return weight;
  return format_ == model::WeightFormat::kE4m3 ? RoundE4m3Weight(weight) : RoundE2m1Weight(weight);
}

at::Tensor Linear::Input(const at::Tensor& x, const Rounding& rounding) const {
  return rounding.linears && is_quantized() ? RoundInput(x) : x;
}

at::Tensor Linear::Apply(const at::Tensor& x, const Rounding& rounding) const {
  return at::linear(Input(x, rounding), Weight(rounding));
}

}  // namespace fathom::train
