#include "train/selected_rows.h"

#include <numeric>

#include "train/rows.h"

namespace fathom::train {
namespace {

// Short loops, which are most of the time of a long text: compiled for wider vectors too.

[[gnu::target_clones("arch=haswell", "default")]] float Dot(const float* a, const float* b,
                                                            int64_t size) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < size; ++i) sum += a[i] * b[i];
  return sum;
}

[[gnu::target_clones("arch=haswell", "default")]] void AddScaled(float scale, const float* x,
                                                                 float* sum, int64_t size) {
#pragma omp simd
  for (int64_t i = 0; i < size; ++i) sum[i] += scale * x[i];
}

// Gradients are checked in double precision.
double Dot(const double* a, const double* b, int64_t size) {
  return std::inner_product(a, a + size, b, 0.0);
}

void AddScaled(double scale, const double* x, double* sum, int64_t size) {
  for (int64_t i = 0; i < size; ++i) sum[i] += scale * x[i];
}

// The three products that the operations and their gradients consist of.
//   coefficients [batch, tokens, heads, count]: one for each head and selected row
//   vectors      [batch, tokens, heads, dim]
//   rows         [batch, rows, dim]
class SelectedProducts {
 public:
  explicit SelectedProducts(const at::Tensor& selected) : selected_(selected.contiguous()) {}

  /// coefficients[t, h, c] = vectors[t, h] . rows[selected[t, c]]
  at::Tensor Coefficients(const at::Tensor& vectors, const at::Tensor& rows) const {
    at::Tensor out =
        at::zeros({batch(), tokens(), vectors.size(2), selected_.size(2)}, vectors.options());
    ForTokens(out, vectors, rows,
              [](auto* coefficient, const auto* vector, const auto* row, int64_t dim) {
                *coefficient = Dot(vector, row, dim);
              });
    return out;
  }

  /// vectors[t, h] = sum over c of coefficients[t, h, c] * rows[selected[t, c]]
  at::Tensor Vectors(const at::Tensor& coefficients, const at::Tensor& rows) const {
    at::Tensor out =
        at::zeros({batch(), tokens(), coefficients.size(2), rows.size(2)}, rows.options());
    ForTokens(coefficients, out, rows,
              [](const auto* coefficient, auto* vector, const auto* row, int64_t dim) {
                AddScaled(*coefficient, row, vector, dim);
              });
    return out;
  }

  /// rows[r] = sum over all t, h and c that select r of coefficients[t, h, c] * vectors[t, h]
  at::Tensor Rows(const at::Tensor& coefficients, const at::Tensor& vectors, int64_t rows) const {
    at::Tensor out = at::zeros({batch(), rows, vectors.size(3)}, vectors.options());
    ForTokens(coefficients, vectors, out,
              [](const auto* coefficient, const auto* vector, auto* row, int64_t dim) {
                AddScaled(*coefficient, vector, row, dim);
              });
    return out;
  }

 private:
  int64_t batch() const { return selected_.size(0); }
  int64_t tokens() const { return selected_.size(1); }

  // Calls visit(coefficient, vector, row, dim) for every head and row of every token. A sequence's
  // tokens come in their order, since they may add to the same rows.
  template <typename Visit>
  void ForTokens(const at::Tensor& some_coefficients, const at::Tensor& some_vectors,
                 const at::Tensor& some_rows, const Visit& visit) const {
    const at::Tensor coefficients = some_coefficients.contiguous();
    const at::Tensor vectors = some_vectors.contiguous();
    const at::Tensor rows = some_rows.contiguous();
    const int64_t heads = vectors.size(2);
    const int64_t dim = vectors.size(3);
    const int64_t count = selected_.size(2);
    WithElementType(rows, [&](auto type) {
      using T = decltype(type);
      T* const coefficient = coefficients.data_ptr<T>();
      T* const vector = vectors.data_ptr<T>();
      T* const row = rows.data_ptr<T>();
      const int64_t* const name = selected_.data_ptr<int64_t>();
      at::parallel_for(0, batch(), 1, [&](int64_t first, int64_t last) {
        for (int64_t t = first * tokens(); t < last * tokens(); ++t) {
          const int64_t first_row = t / tokens() * rows.size(1);
          for (int64_t c = 0; c < count; ++c) {
            const int64_t n = name[t * count + c];
            if (n < 0) continue;
            for (int64_t h = t * heads; h < (t + 1) * heads; ++h)
              visit(coefficient + h * count + c, vector + h * dim, row + (first_row + n) * dim,
                    dim);
          }
        }
      });
    });
  }

  at::Tensor selected_;
};

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class SelectedLogitsFunction : public torch::autograd::Function<SelectedLogitsFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& queries, const at::Tensor& rows,
                            const at::Tensor& selected) {
    ctx->save_for_backward({queries, rows, selected});
    return SelectedProducts(selected).Coefficients(queries, rows);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &queries = saved[0], &rows = saved[1];
    const SelectedProducts products(saved[2]);
    return {products.Vectors(grads[0], rows), products.Rows(grads[0], queries, rows.size(1)), {}};
  }
};

class MixSelectedRowsFunction : public torch::autograd::Function<MixSelectedRowsFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& weights, const at::Tensor& rows,
                            const at::Tensor& selected) {
    ctx->save_for_backward({weights, rows, selected});
    return SelectedProducts(selected).Vectors(weights, rows);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &weights = saved[0], &rows = saved[1];
    const SelectedProducts products(saved[2]);
    return {
        products.Coefficients(grads[0], rows), products.Rows(weights, grads[0], rows.size(1)), {}};
  }
};

}  // namespace

at::Tensor SelectedLogits(const at::Tensor& queries, const at::Tensor& rows,
                          const at::Tensor& selected) {
  return SelectedLogitsFunction::apply(queries, rows, selected);
}

at::Tensor MixSelectedRows(const at::Tensor& weights, const at::Tensor& rows,
                           const at::Tensor& selected) {
  return MixSelectedRowsFunction::apply(weights, rows, selected);
}

}  // namespace fathom::train
