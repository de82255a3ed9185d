#include "train/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "train/rows.h"

namespace fathom::train {
namespace {

// The dimension whose wave turns `rotations` times over the original length.
double CorrectionDim(const model::RopePlan& plan, int64_t rope_dim, double rotations) {
  return static_cast<double>(rope_dim) *
         std::log(plan.original_positions / (rotations * 2 * std::numbers::pi)) /
         (2 * std::log(plan.theta));
}

at::Tensor MakeFrequencies(const model::RopePlan& plan, int64_t rope_dim) {
  const at::Tensor exponents =
      at::arange(0, rope_dim, 2, at::kFloat) / static_cast<double>(rope_dim);
  at::Tensor frequencies =
      at::pow(at::Scalar(plan.theta), exponents.to(at::kDouble)).to(at::kFloat).reciprocal();
  if (!plan.yarn) return frequencies;
  const double low = std::max(std::floor(CorrectionDim(plan, rope_dim, plan.beta_fast)), 0.0);
  const double high = std::min(std::ceil(CorrectionDim(plan, rope_dim, plan.beta_slow)),
                               static_cast<double>(rope_dim - 1));
  const double span = high != low ? high - low : 0.001;
  const at::Tensor ramp = ((at::arange(rope_dim / 2, at::kFloat) - low) / span).clamp(0, 1);
  return frequencies / plan.factor * ramp + frequencies * (1 - ramp);
}

template <typename T>
void RotateRow(const T* x, const T* cos, const T* sin, T sign, T* out, int64_t cols,
               int64_t rope_dim) {
  const int64_t plain = cols - rope_dim;
  std::copy(x, x + plain, out);
  for (int64_t i = 0; i < rope_dim / 2; ++i) {
    const T a = x[plain + 2 * i];
    const T b = x[plain + 2 * i + 1];
    out[plain + 2 * i] = a * cos[i] - b * sin[i] * sign;
    out[plain + 2 * i + 1] = a * sin[i] * sign + b * cos[i];
  }
}

at::Tensor RotateAll(const at::Tensor& input, const at::Tensor& cos, const at::Tensor& sin,
                     bool back) {
  const at::Tensor x = input.contiguous();
  at::Tensor out = at::empty_like(x);
  const int64_t cols = x.size(-1);
  const int64_t half = cos.size(-1);
  const int64_t rows_per_token = RowCount(x) / (x.size(0) * x.size(1));
  WithElementType(x, [&](auto type) {
    using T = decltype(type);
    ForRowParts(RowCount(x), [&](int64_t begin, int64_t end, int64_t) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t token = row / rows_per_token;
        RotateRow(x.data_ptr<T>() + row * cols, cos.data_ptr<T>() + token * half,
                  sin.data_ptr<T>() + token * half, back ? T{-1} : T{1},
                  out.data_ptr<T>() + row * cols, cols, 2 * half);
      }
    });
  });
  return out;
}

// The gradient of a rotation is the rotation back.
class RotateFunction : public torch::autograd::Function<RotateFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x,
                            const at::Tensor& cos, const at::Tensor& sin, bool back) {
    ctx->save_for_backward({cos, sin});
    ctx->saved_data["back"] = back;
    return RotateAll(x, cos, sin, back);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    return {RotateAll(grads[0], saved[0], saved[1], !ctx->saved_data["back"].toBool()),
            at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

Rotation Rotation::Slice(int64_t begin, int64_t end, int64_t step) const {
  return {cos.slice(1, begin, end, step).contiguous(), sin.slice(1, begin, end, step).contiguous()};
}

Rotation MakeRotation(const model::RopePlan& plan, int64_t rope_dim, const at::Tensor& positions) {
  const at::Tensor angles =
      (positions.to(at::kFloat).unsqueeze(-1) * MakeFrequencies(plan, rope_dim)).to(at::kDouble);
  return {angles.cos().to(at::kFloat), angles.sin().to(at::kFloat)};
}

at::Tensor Rotate(const at::Tensor& x, const Rotation& rotation, Turn turn) {
  return RotateFunction::apply(x, rotation.cos.to(x.scalar_type()),
                               rotation.sin.to(x.scalar_type()), turn == Turn::kBack);
}

}  // namespace fathom::train
