#include "train/adamw.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace fathom::train {

Adamw::Adamw(std::vector<Parameter> parameters, const AdamwOptions& options)
    : parameters_(std::move(parameters)), steps_(at::zeros({1}, at::kLong)), options_(options) {
  for (const Parameter& p : parameters_) {
    means_.push_back(at::zeros(p.value.sizes(), p.value.options().requires_grad(false)));
    squares_.push_back(means_.back().clone());
  }
}

double Adamw::ClipFactor() const {
  double sum = 0;
  for (const Parameter& p : parameters_)
    if (p.value.grad().defined()) sum += p.value.grad().square().sum().item<double>();
  return std::min(1.0, options_.max_norm / (std::sqrt(sum) + 1e-12));
}

void Adamw::Step(double rate) {
  at::NoGradGuard no_grad;
  const double clip = ClipFactor();
  steps_.add_(1);
  const auto steps = static_cast<double>(steps_.item<int64_t>());
  const double mean_scale = 1 / (1 - std::pow(options_.beta1, steps));
  const double square_scale = 1 / (1 - std::pow(options_.beta2, steps));
  for (size_t i = 0; i < parameters_.size(); ++i) {
    at::Tensor value = parameters_[i].value;
    if (!value.grad().defined()) continue;
    const at::Tensor grad = value.grad() * clip;
    means_[i].mul_(options_.beta1).add_(grad, 1 - options_.beta1);
    squares_[i].mul_(options_.beta2).addcmul_(grad, grad, 1 - options_.beta2);
    if (parameters_[i].kind == model::TensorKind::kMatrix)
      value.mul_(1 - rate * options_.weight_decay);
    const at::Tensor spread = (squares_[i] * square_scale).sqrt_().add_(options_.eps);
    value.addcdiv_(means_[i], spread, -rate * mean_scale);
    value.mutable_grad().reset();
  }
}

std::vector<StateTensor> Adamw::State() const {
  std::vector<StateTensor> state = {{"adamw.steps", steps_}};
  for (size_t i = 0; i < parameters_.size(); ++i) {
    state.push_back({parameters_[i].name + ".mean", means_[i]});
    state.push_back({parameters_[i].name + ".square", squares_[i]});
  }
  return state;
}

}  // namespace fathom::train
