// Sinkhorn-Knopp on the small matrix of every token, with its gradient. As a composition it would
// be 80 passes over memory for a few numbers a token.
#include <algorithm>
#include <cmath>
#include <vector>

#include "train/hyper_connection.h"
#include "train/rows.h"

namespace fathom::train {
namespace {

// One normalisation of an n x n matrix: rows if `step` is 1, columns if it is n; `other` is the
// distance of a sum's elements.
template <typename T>
struct Sums {
  int64_t n;
  T eps;

  void Divide(T* x, T* inverses, bool rows) const {
    const int64_t outer = rows ? n : 1;
    const int64_t inner = rows ? 1 : n;
    for (int64_t i = 0; i < n; ++i) {
      T sum = eps;
      for (int64_t j = 0; j < n; ++j) sum += x[i * outer + j * inner];
      inverses[i] = 1 / sum;
      for (int64_t j = 0; j < n; ++j) x[i * outer + j * inner] *= inverses[i];
    }
  }

  // `y` is what Divide made, `grad` becomes the gradient of what it was given.
  void DivideBackward(const T* y, const T* inverses, T* grad, bool rows) const {
    const int64_t outer = rows ? n : 1;
    const int64_t inner = rows ? 1 : n;
    for (int64_t i = 0; i < n; ++i) {
      T dot = 0;
      for (int64_t j = 0; j < n; ++j) dot += grad[i * outer + j * inner] * y[i * outer + j * inner];
      for (int64_t j = 0; j < n; ++j) {
        T& g = grad[i * outer + j * inner];
        g = (g - dot) * inverses[i];
      }
    }
  }
};

// All steps of one matrix, kept for the way back.
template <typename T>
class Trace {
 public:
  Trace(int64_t n, int64_t iterations, double eps)
      : steps_{n, static_cast<T>(eps)},
        count_(2 * iterations - 1),
        softmax_(static_cast<size_t>(n * n)),
        values_(static_cast<size_t>(count_ * n * n)),
        inverses_(static_cast<size_t>(count_ * n)) {}

  void Forward(const T* logits, T* out) {
    const int64_t n = steps_.n;
    for (int64_t i = 0; i < n; ++i) Softmax(logits + i * n, &softmax_[static_cast<size_t>(i * n)]);
    std::transform(softmax_.begin(), softmax_.end(), out, [&](T x) { return x + steps_.eps; });
    for (int64_t s = 0; s < count_; ++s) {
      steps_.Divide(out, InversesOf(s), IsRows(s));
      std::copy(out, out + n * n, ValuesOf(s));
    }
  }

  // REQUIRES: Forward was called for the same matrix.
  void Backward(const T* out_grad, T* grad) {
    const int64_t n = steps_.n;
    std::copy(out_grad, out_grad + n * n, grad);
    for (int64_t s = count_ - 1; s >= 0; --s)
      steps_.DivideBackward(ValuesOf(s), InversesOf(s), grad, IsRows(s));
    for (int64_t i = 0; i < n; ++i)
      SoftmaxBackward(&softmax_[static_cast<size_t>(i * n)], grad + i * n);
  }

 private:
  static bool IsRows(int64_t step) { return step % 2 == 1; }
  T* ValuesOf(int64_t step) { return &values_[static_cast<size_t>(step * steps_.n * steps_.n)]; }
  T* InversesOf(int64_t step) { return &inverses_[static_cast<size_t>(step * steps_.n)]; }

  void Softmax(const T* x, T* out) const {
    const T top = *std::max_element(x, x + steps_.n);
    T sum = 0;
    for (int64_t j = 0; j < steps_.n; ++j) sum += out[j] = std::exp(x[j] - top);
    for (int64_t j = 0; j < steps_.n; ++j) out[j] /= sum;
  }

  void SoftmaxBackward(const T* y, T* grad) const {
    T dot = 0;
    for (int64_t j = 0; j < steps_.n; ++j) dot += grad[j] * y[j];
    for (int64_t j = 0; j < steps_.n; ++j) grad[j] = y[j] * (grad[j] - dot);
  }

  Sums<T> steps_;
  int64_t count_;
  std::vector<T> softmax_;
  std::vector<T> values_;
  std::vector<T> inverses_;
};

template <typename Task>
void ForMatrices(const at::Tensor& logits, int64_t iterations, double eps, const Task& task) {
  const int64_t n = logits.size(-1);
  WithElementType(logits, [&](auto type) {
    using T = decltype(type);
    ForRowParts(logits.numel() / (n * n), [&](int64_t begin, int64_t end, int64_t) {
      Trace<T> trace(n, iterations, eps);
      for (int64_t i = begin; i < end; ++i) task(trace, i * n * n);
    });
  });
}

class SinkhornFunction : public torch::autograd::Function<SinkhornFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& input,
                            int64_t iterations, double eps) {
    const at::Tensor logits = input.contiguous();
    at::Tensor out = at::empty_like(logits);
    ForMatrices(logits, iterations, eps, [&]<typename T>(Trace<T>& trace, int64_t at) {
      trace.Forward(logits.data_ptr<T>() + at, out.data_ptr<T>() + at);
    });
    ctx->save_for_backward({logits});
    ctx->saved_data["iterations"] = iterations;
    ctx->saved_data["eps"] = eps;
    return out;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    const at::Tensor logits = ctx->get_saved_variables()[0];
    const at::Tensor out_grad = grads[0].contiguous();
    at::Tensor grad = at::empty_like(logits);
    at::Tensor out = at::empty_like(logits);
    ForMatrices(logits, ctx->saved_data["iterations"].toInt(), ctx->saved_data["eps"].toDouble(),
                [&]<typename T>(Trace<T>& trace, int64_t at) {
                  trace.Forward(logits.data_ptr<T>() + at, out.data_ptr<T>() + at);
                  trace.Backward(out_grad.data_ptr<T>() + at, grad.data_ptr<T>() + at);
                });
    return {grad, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor Sinkhorn(const at::Tensor& logits, int64_t iterations, double eps) {
  return SinkhornFunction::apply(logits, iterations, eps);
}

}  // namespace fathom::train
