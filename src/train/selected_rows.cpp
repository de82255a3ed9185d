#include "train/selected_rows.h"

#include <vector>

#include "train/rows.h"
#include "train/side_by_side.h"

namespace fathom::train {
namespace {

// What belongs to one token.
template <typename T>
struct Token {
  T* coefficients;              // [heads, count]
  T* vectors;                   // [heads, dim]
  const std::vector<T*>& rows;  // at most count, of dim
  int64_t heads;
  int64_t count;
  int64_t dim;

  auto EachVector() const {
    return [this](int64_t h) { return vectors + h * dim; };
  }
  auto EachRow() const {
    return [this](int64_t c) { return Row(c); };
  }
  T* Row(int64_t c) const { return rows[static_cast<size_t>(c)]; }
};

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
    ForTokens(out, vectors, rows, []<typename T>(const Token<T>& token) {
      for (int64_t c = 0; c < std::ssize(token.rows); ++c)
        DotEach(token.Row(c), token.heads, token.EachVector(), token.dim, token.coefficients + c,
                token.count);
    });
    return out;
  }

  /// mixtures[t, h] = sum over c of coefficients[t, h, c] * rows[selected[t, c]]
  at::Tensor Mixtures(const at::Tensor& coefficients, const at::Tensor& rows) const {
    at::Tensor out =
        at::zeros({batch(), tokens(), coefficients.size(2), rows.size(2)}, rows.options());
    ForTokens(coefficients, out, rows, []<typename T>(const Token<T>& token) {
      // Few rows at a time for all heads: all of them are more than the first-level cache.
      ForSideBySide<T>(std::ssize(token.rows), token.EachRow(),
                       [&](int64_t c, const Vectors<T>& some, int64_t n) {
                         for (int64_t h = 0; h < token.heads; ++h)
                           AddScaled(TakeNumbers(token.coefficients + h * token.count + c, 1, n),
                                     some, token.vectors + h * token.dim, token.dim);
                       });
    });
    return out;
  }

  /// rows[r] = sum over all t, h and c that select r of coefficients[t, h, c] * vectors[t, h]
  at::Tensor Rows(const at::Tensor& coefficients, const at::Tensor& vectors, int64_t rows) const {
    at::Tensor out = at::zeros({batch(), rows, vectors.size(3)}, vectors.options());
    ForTokens(coefficients, vectors, out, []<typename T>(const Token<T>& token) {
      for (int64_t c = 0; c < std::ssize(token.rows); ++c)
        AddEachScaled(token.coefficients + c, token.count, token.heads, token.EachVector(),
                      token.Row(c), token.dim);
    });
    return out;
  }

 private:
  int64_t batch() const { return selected_.size(0); }
  int64_t tokens() const { return selected_.size(1); }

  // Calls visit for every token. A sequence's tokens come in their order, since they may add to the
  // same rows.
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
      at::parallel_for(0, batch(), 1, [&](int64_t first, int64_t last) {
        std::vector<T*> selected;
        for (int64_t t = first * tokens(); t < last * tokens(); ++t) {
          T* const own = rows.data_ptr<T>() + t / tokens() * rows.size(1) * dim;
          const int64_t* const names = selected_.data_ptr<int64_t>() + t * count;
          selected.clear();
          for (int64_t c = 0; c < count && names[c] >= 0; ++c)
            selected.push_back(own + names[c] * dim);
          visit(Token<T>{coefficients.data_ptr<T>() + t * heads * count,
                         vectors.data_ptr<T>() + t * heads * dim, selected, heads, count, dim});
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
    return {products.Mixtures(grads[0], rows), products.Rows(grads[0], queries, rows.size(1)), {}};
  }
};

class MixSelectedRowsFunction : public torch::autograd::Function<MixSelectedRowsFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& weights, const at::Tensor& rows,
                            const at::Tensor& selected) {
    ctx->save_for_backward({weights, rows, selected});
    return SelectedProducts(selected).Mixtures(weights, rows);
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
