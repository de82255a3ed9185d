#include "train/muon.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace fathom::train {
namespace {

// x <- a x + b (x x^T) x + c (x x^T)^2 x
struct Step {
  double a;
  double b;
  double c;
};
constexpr Step kGrow = {3.4445, -4.7750, 2.0315};
constexpr Step kSettle = {2, -1.5, 0.5};
constexpr int kGrowSteps = 8;
constexpr int kSettleSteps = 2;

at::Tensor Iterate(const at::Tensor& x, const Step& step) {
  const at::Tensor gram = at::bmm(x, x.transpose(1, 2));
  const at::Tensor polynomial = at::baddbmm(gram, gram, gram, step.b, step.c);
  return at::baddbmm(x, polynomial, x, step.a);
}

}  // namespace

at::Tensor Orthogonalize(const at::Tensor& matrices) {
  // The product of a matrix with its transpose is smaller from the shorter side.
  const bool is_tall = matrices.size(1) > matrices.size(2);
  at::Tensor x = is_tall ? matrices.transpose(1, 2) : matrices;
  constexpr double kTiny = 1e-20;  // keeps a zero matrix at zero
  x = x / at::frobenius_norm(x, {1, 2}, true).clamp_min(kTiny);
  for (int i = 0; i < kGrowSteps; ++i) x = Iterate(x, kGrow);
  for (int i = 0; i < kSettleSteps; ++i) x = Iterate(x, kSettle);
  return is_tall ? x.transpose(1, 2) : x;
}

Muon::Muon(std::vector<Parameter> matrices, const MuonOptions& options)
    : parameters_(std::move(matrices)), options_(options) {
  std::map<std::pair<int64_t, int64_t>, std::vector<size_t>> by_shape;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const at::Tensor& value = parameters_[i].value;
    momenta_.push_back(at::zeros(value.sizes(), value.options().requires_grad(false)));
    by_shape[{value.size(-2), value.size(-1)}].push_back(i);
  }
  for (auto& [shape, members] : by_shape) shapes_.push_back(std::move(members));
}

// Nesterov's: the momentum after one more step of the same gradient.
at::Tensor Muon::NextDirection(size_t parameter) {
  const at::Tensor& grad = parameters_[parameter].value.grad();
  momenta_[parameter].mul_(options_.momentum).add_(grad);
  return grad + momenta_[parameter] * options_.momentum;
}

void Muon::Step(double rate) {
  at::NoGradGuard no_grad;
  for (const std::vector<size_t>& members : shapes_) {
    std::vector<size_t> moving;
    std::vector<at::Tensor> directions;
    std::vector<int64_t> counts;
    for (const size_t i : members) {
      if (!parameters_[i].value.grad().defined()) continue;
      const int64_t rows = parameters_[i].value.size(-2), cols = parameters_[i].value.size(-1);
      directions.push_back(NextDirection(i).reshape({-1, rows, cols}));
      counts.push_back(directions.back().size(0));
      moving.push_back(i);
    }
    if (moving.empty()) continue;
    const at::Tensor stack = at::cat(directions);
    // An orthogonal matrix has a root mean square of 1 / sqrt(its longer side).
    const double longer = static_cast<double>(std::max(stack.size(1), stack.size(2)));
    const double scale = rate * options_.update_rms * std::sqrt(longer);
    const auto updates = Orthogonalize(stack).split_with_sizes(counts);
    for (size_t j = 0; j < moving.size(); ++j) {
      at::Tensor value = parameters_[moving[j]].value;
      value.mul_(1 - rate * options_.weight_decay).sub_(updates[j].view_as(value), scale);
      value.mutable_grad().reset();
    }
  }
}

std::vector<StateTensor> Muon::State() const {
  std::vector<StateTensor> state;
  for (size_t i = 0; i < parameters_.size(); ++i)
    state.push_back({parameters_[i].name + ".momentum", momenta_[i]});
  return state;
}

}  // namespace fathom::train
