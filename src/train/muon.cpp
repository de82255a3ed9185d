#include "train/muon.h"

#include <algorithm>
#include <cmath>
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
  for (const Parameter& p : parameters_)
    momenta_.push_back(at::zeros(p.value.sizes(), p.value.options().requires_grad(false)));
}

void Muon::Move(size_t parameter, double rate) {
  at::NoGradGuard no_grad;
  at::Tensor value = parameters_[parameter].value;
  const at::Tensor& grad = value.grad();
  if (!grad.defined()) return;
  momenta_[parameter].mul_(options_.momentum).add_(grad);
  // Nesterov's: the momentum after one more step of the same gradient.
  const at::Tensor direction = grad + momenta_[parameter] * options_.momentum;
  const int64_t rows = value.size(-2), cols = value.size(-1);
  const at::Tensor update = Orthogonalize(direction.reshape({-1, rows, cols}));
  // An orthogonal matrix has a root mean square of 1 / sqrt(its longer side).
  const double longer = static_cast<double>(std::max(rows, cols));
  const double scale = rate * options_.update_rms * std::sqrt(longer);
  value.mul_(1 - rate * options_.weight_decay).sub_(update.view_as(value), scale);
  value.mutable_grad().reset();
}

void Muon::Step(double rate, base::ThreadPool& pool) {
  pool.ForEach(std::ssize(parameters_),
               [&](int64_t i, int) { Move(static_cast<size_t>(i), rate); });
}

std::vector<StateTensor> Muon::State() const {
  std::vector<StateTensor> state;
  for (size_t i = 0; i < parameters_.size(); ++i)
    state.push_back({parameters_[i].name + ".momentum", momenta_[i]});
  return state;
}

}  // namespace fathom::train
