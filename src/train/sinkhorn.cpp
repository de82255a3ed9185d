// Sinkhorn-Knopp on the small matrix of every token, with its gradient. As a composition it would
// be 80 passes over memory for a few numbers a token.
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "train/hyper_connection.h"
#include "train/rows.h"

namespace fathom::train {
namespace {

// Matrices whose numbers lie beside each other: they are too small to be vectors themselves.
constexpr int64_t kLanes = 16;
template <typename T>
using Lanes = std::array<T, kLanes>;

template <typename T>
Lanes<T> Filled(T value) {
  Lanes<T> lanes;
  lanes.fill(value);
  return lanes;
}

// One normalisation of n x n matrices, of their rows or of their columns.
template <typename T>
struct Sums {
  int64_t n;
  T eps;

  void Divide(Lanes<T>* x, Lanes<T>* inverses, bool rows) const {
    const int64_t outer = rows ? n : 1;
    const int64_t inner = rows ? 1 : n;
    for (int64_t i = 0; i < n; ++i) {
      Lanes<T> sum = Filled(eps);
      for (int64_t j = 0; j < n; ++j)
        for (int64_t l = 0; l < kLanes; ++l) sum[l] += x[i * outer + j * inner][l];
      for (int64_t l = 0; l < kLanes; ++l) inverses[i][l] = 1 / sum[l];
      for (int64_t j = 0; j < n; ++j)
        for (int64_t l = 0; l < kLanes; ++l) x[i * outer + j * inner][l] *= inverses[i][l];
    }
  }

  // `y` is what Divide made, `grad` becomes the gradient of what it was given.
  void DivideBackward(const Lanes<T>* y, const Lanes<T>* inverses, Lanes<T>* grad,
                      bool rows) const {
    const int64_t outer = rows ? n : 1;
    const int64_t inner = rows ? 1 : n;
    for (int64_t i = 0; i < n; ++i) {
      Lanes<T> dot = {};
      for (int64_t j = 0; j < n; ++j) {
        const int64_t at = i * outer + j * inner;
        for (int64_t l = 0; l < kLanes; ++l) dot[l] += grad[at][l] * y[at][l];
      }
      for (int64_t j = 0; j < n; ++j) {
        const int64_t at = i * outer + j * inner;
        for (int64_t l = 0; l < kLanes; ++l) grad[at][l] = (grad[at][l] - dot[l]) * inverses[i][l];
      }
    }
  }
};

// All steps of kLanes matrices, kept for the way back.
template <typename T>
class Trace {
 public:
  Trace(int64_t n, int64_t iterations, double eps)
      : steps_{n, static_cast<T>(eps)},
        count_(2 * iterations - 1),
        now_(static_cast<size_t>(n * n)),
        softmax_(static_cast<size_t>(n * n)),
        values_(static_cast<size_t>(count_ * n * n)),
        inverses_(static_cast<size_t>(count_ * n)) {}

  // `logits` and `out` are `matrices` <= kLanes of n x n.
  void Forward(const T* logits, int64_t matrices, T* out) {
    Gather(logits, matrices);
    for (int64_t i = 0; i < steps_.n; ++i) Softmax(&now_[static_cast<size_t>(i * steps_.n)]);
    softmax_ = now_;
    for (Lanes<T>& x : now_)
      for (T& lane : x) lane += steps_.eps;
    for (int64_t s = 0; s < count_; ++s) {
      steps_.Divide(now_.data(), InversesOf(s), IsRows(s));
      std::copy(now_.begin(), now_.end(), ValuesOf(s));
    }
    Scatter(matrices, out);
  }

  // REQUIRES: Forward was called for the same matrices.
  void Backward(const T* out_grad, int64_t matrices, T* grad) {
    Gather(out_grad, matrices);
    for (int64_t s = count_ - 1; s >= 0; --s)
      steps_.DivideBackward(ValuesOf(s), InversesOf(s), now_.data(), IsRows(s));
    for (int64_t i = 0; i < steps_.n; ++i) {
      const size_t row = static_cast<size_t>(i * steps_.n);
      SoftmaxBackward(&softmax_[row], &now_[row]);
    }
    Scatter(matrices, grad);
  }

 private:
  static bool IsRows(int64_t step) { return step % 2 == 1; }
  Lanes<T>* ValuesOf(int64_t step) { return &values_[static_cast<size_t>(step) * now_.size()]; }
  Lanes<T>* InversesOf(int64_t step) { return &inverses_[static_cast<size_t>(step * steps_.n)]; }

  // Lanes without a matrix are zero.
  void Gather(const T* from, int64_t matrices) {
    std::fill(now_.begin(), now_.end(), Lanes<T>{});
    for (int64_t m = 0; m < matrices; ++m)
      for (Lanes<T>& x : now_) x[static_cast<size_t>(m)] = *from++;
  }
  void Scatter(int64_t matrices, T* to) const {
    for (int64_t m = 0; m < matrices; ++m)
      for (const Lanes<T>& x : now_) *to++ = x[static_cast<size_t>(m)];
  }

  void Softmax(Lanes<T>* x) const {
    for (int64_t l = 0; l < kLanes; ++l) {
      T top = x[0][l];
      for (int64_t j = 1; j < steps_.n; ++j) top = std::max(top, x[j][l]);
      T sum = 0;
      for (int64_t j = 0; j < steps_.n; ++j) sum += x[j][l] = std::exp(x[j][l] - top);
      for (int64_t j = 0; j < steps_.n; ++j) x[j][l] /= sum;
    }
  }

  void SoftmaxBackward(const Lanes<T>* y, Lanes<T>* grad) const {
    for (int64_t l = 0; l < kLanes; ++l) {
      T dot = 0;
      for (int64_t j = 0; j < steps_.n; ++j) dot += grad[j][l] * y[j][l];
      for (int64_t j = 0; j < steps_.n; ++j) grad[j][l] = y[j][l] * (grad[j][l] - dot);
    }
  }

  Sums<T> steps_;
  int64_t count_;
  std::vector<Lanes<T>> now_;
  std::vector<Lanes<T>> softmax_;
  std::vector<Lanes<T>> values_;
  std::vector<Lanes<T>> inverses_;
};

// Calls task(trace, at, matrices) for the `matrices` that begin at element `at`.
template <typename Task>
void ForMatrices(const at::Tensor& logits, int64_t iterations, double eps, const Task& task) {
  const int64_t n = logits.size(-1);
  WithElementType(logits, [&](auto type) {
    using T = decltype(type);
    ForRowParts(logits.numel() / (n * n), [&](int64_t begin, int64_t end, int64_t) {
      Trace<T> trace(n, iterations, eps);
      for (int64_t i = begin; i < end; i += kLanes)
        task(trace, i * n * n, std::min(kLanes, end - i));
    });
  });
}

class SinkhornFunction : public torch::autograd::Function<SinkhornFunction> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& input,
                            int64_t iterations, double eps) {
    const at::Tensor logits = input.contiguous();
    at::Tensor out = at::empty_like(logits);
    ForMatrices(logits, iterations, eps,
                [&]<typename T>(Trace<T>& trace, int64_t at, int64_t matrices) {
                  trace.Forward(logits.data_ptr<T>() + at, matrices, out.data_ptr<T>() + at);
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
                [&]<typename T>(Trace<T>& trace, int64_t at, int64_t matrices) {
                  trace.Forward(logits.data_ptr<T>() + at, matrices, out.data_ptr<T>() + at);
                  trace.Backward(out_grad.data_ptr<T>() + at, matrices, grad.data_ptr<T>() + at);
                });
    return {grad, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor Sinkhorn(const at::Tensor& logits, int64_t iterations, double eps) {
  return SinkhornFunction::apply(logits, iterations, eps);
}

}  // namespace fathom::train
