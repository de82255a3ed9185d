#include "train/norm.h"

#include <cmath>

#include "train/rows.h"

namespace fathom::train {
namespace {

template <typename T>
void Normalize(const T* x, const T* weight, T* out, T* inverse, int64_t cols, double eps) {
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < cols; ++i) sum += x[i] * x[i];
  const T r = 1 / std::sqrt(sum / static_cast<T>(cols) + static_cast<T>(eps));
  *inverse = r;
  for (int64_t i = 0; i < cols; ++i) out[i] = x[i] * r * (weight != nullptr ? weight[i] : T{1});
}

// `weight_grad` is added to.
template <typename T>
void NormalizeBackward(const T* grad, const T* x, const T* weight, T r, T* x_grad, T* weight_grad,
                       int64_t cols) {
  T dot = 0;
#pragma omp simd reduction(+ : dot)
  for (int64_t i = 0; i < cols; ++i) {
    const T g = weight != nullptr ? grad[i] * weight[i] : grad[i];
    dot += g * x[i];
    x_grad[i] = g;
  }
  const T pull = dot * r * r * r / static_cast<T>(cols);
  for (int64_t i = 0; i < cols; ++i) x_grad[i] = x_grad[i] * r - x[i] * pull;
  if (weight == nullptr) return;
  for (int64_t i = 0; i < cols; ++i) weight_grad[i] += grad[i] * x[i] * r;
}

class RmsNormFunction : public torch::autograd::Function<RmsNormFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& input,
                            const c10::optional<at::Tensor>& optional_weight, double eps) {
    const at::Tensor x = input.contiguous();
    const at::Tensor weight = optional_weight.value_or(at::Tensor());
    at::Tensor out = at::empty_like(x);
    at::Tensor inverse = at::empty({RowCount(x)}, x.options());
    WithElementType(x, [&](auto type) {
      using T = decltype(type);
      const T* w = weight.defined() ? weight.data_ptr<T>() : nullptr;
      const int64_t cols = x.size(-1);
      ForRowParts(RowCount(x), [&](int64_t begin, int64_t end, int64_t) {
        for (int64_t row = begin; row < end; ++row)
          Normalize(x.data_ptr<T>() + row * cols, w, out.data_ptr<T>() + row * cols,
                    inverse.data_ptr<T>() + row, cols, eps);
      });
    });
    ctx->save_for_backward({x, weight, inverse});
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &inverse = saved[2];
    const at::Tensor grad = grads[0].contiguous();
    const int64_t cols = x.size(-1);
    at::Tensor x_grad = at::empty_like(x);
    at::Tensor parts = at::zeros({weight.defined() ? kRowParts : 0, cols}, x.options());
    WithElementType(x, [&](auto type) {
      using T = decltype(type);
      const T* w = weight.defined() ? weight.data_ptr<T>() : nullptr;
      ForRowParts(RowCount(x), [&](int64_t begin, int64_t end, int64_t part) {
        T* weight_grad = w != nullptr ? parts.data_ptr<T>() + part * cols : nullptr;
        for (int64_t row = begin; row < end; ++row)
          NormalizeBackward(grad.data_ptr<T>() + row * cols, x.data_ptr<T>() + row * cols, w,
                            inverse.data_ptr<T>()[row], x_grad.data_ptr<T>() + row * cols,
                            weight_grad, cols);
      });
    });
    return {x_grad, weight.defined() ? parts.sum(0) : at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return RmsNormFunction::apply(x, weight.defined() ? c10::make_optional(weight) : c10::nullopt,
                                eps);
}

}  // namespace fathom::train
