#include "train/attend.h"

#include <algorithm>
#include <limits>

#include "train/selected_rows.h"

namespace fathom::train {
namespace {

constexpr double kHidden = -std::numeric_limits<double>::infinity();

at::Tensor BiasOf(const at::Tensor& visible) {
  return at::zeros(visible.sizes(), at::kFloat).masked_fill_(visible.logical_not(), kHidden);
}

// Queries in blocks as long as the window: each block sees itself and the one before it.
class WindowBlocks {
 public:
  WindowBlocks(const AttendInputs& inputs, const AttendOptions& options)
      : options_(options),
        batch_(inputs.queries.size(0)),
        tokens_(inputs.queries.size(1)),
        heads_(inputs.queries.size(2)),
        dim_(inputs.queries.size(3)),
        blocks_((tokens_ + options.window - 1) / options.window) {
    const at::Tensor rows = PadTokens(inputs.window, 2);
    const auto in_blocks = [&](const at::Tensor& t) {
      return t.unflatten(1, {blocks_, options_.window});
    };
    const int64_t padded = blocks_ * options.window;
    keys_ =
        at::cat({in_blocks(rows.slice(1, 0, padded)), in_blocks(rows.slice(1, options.window))}, 2)
            .flatten(0, 1);
  }

  /// [batch, tokens, heads, 2 * window]
  at::Tensor Logits(const at::Tensor& queries) const {
    const at::Tensor blocks =
        PadTokens(queries, 3).reshape({batch_ * blocks_, options_.window * heads_, dim_});
    const at::Tensor logits = at::bmm(blocks, keys_.transpose(1, 2))
                                  .view({batch_, blocks_ * options_.window, heads_, -1});
    return (logits + Bias()).slice(1, 0, tokens_);
  }

  /// The values by those weights: [batch, tokens, heads, dim].
  at::Tensor Mix(const at::Tensor& weights) const {
    const at::Tensor blocks =
        PadTokens(weights, 3)
            .reshape({batch_ * blocks_, options_.window * heads_, 2 * options_.window});
    return at::bmm(blocks, keys_)
        .view({batch_, blocks_ * options_.window, heads_, dim_})
        .slice(1, 0, tokens_);
  }

 private:
  // To whole blocks, along dimension 1 of `dims` dimensions behind the batch.
  at::Tensor PadTokens(const at::Tensor& x, size_t dims) const {
    const int64_t missing = blocks_ * options_.window - tokens_;
    if (missing == 0) return x;
    std::vector<int64_t> pad(2 * dims, 0);
    pad.back() = missing;
    return at::constant_pad_nd(x, pad);
  }

  // Query i of a block stands at key i + window of its 2 * window. It sees the last `window` up to
  // there, of those that exist.
  at::Tensor Bias() const {
    const at::Tensor i = at::arange(options_.window).view({1, -1, 1, 1});
    const at::Tensor j = at::arange(2 * options_.window).view({1, 1, 1, -1});
    const at::Tensor block = at::arange(blocks_).view({-1, 1, 1, 1});
    const at::Tensor key = options_.first_token + (block - 1) * options_.window + j;
    return BiasOf((j > i) & (j <= i + options_.window) & (key >= 0)).flatten(0, 1);
  }

  const AttendOptions& options_;
  int64_t batch_;
  int64_t tokens_;
  int64_t heads_;
  int64_t dim_;
  int64_t blocks_;
  at::Tensor keys_;  // [batch * blocks, 2 * window, dim]
};

at::Tensor MixRows(const at::Tensor& weights, const at::Tensor& rows, const at::Tensor& selected) {
  if (selected.defined()) return MixSelectedRows(weights, rows, selected);
  return at::bmm(weights.flatten(1, 2), rows).unflatten(1, {weights.size(1), weights.size(2)});
}

}  // namespace

at::Tensor VisibleBias(int64_t first_token, int64_t tokens, int64_t rows,
                       const VisibleRows& visible, int64_t least) {
  at::Tensor seen = at::empty({tokens}, at::kLong);
  for (int64_t i = 0; i < tokens; ++i)
    seen.data_ptr<int64_t>()[i] = std::max(visible.Count(first_token + i + 1), least);
  return BiasOf(at::arange(rows).view({1, 1, -1}) < seen.view({-1, 1, 1}));
}

at::Tensor SelectedBias(const at::Tensor& selected) { return BiasOf(selected >= 0).unsqueeze(2); }

at::Tensor RowLogits(const at::Tensor& queries, const at::Tensor& rows,
                     const at::Tensor& selected) {
  if (selected.defined()) return SelectedLogits(queries, rows, selected);
  return at::bmm(queries.flatten(1, 2), rows.transpose(1, 2))
      .unflatten(1, {queries.size(1), queries.size(2)});
}

at::Tensor Attend(const AttendInputs& in, const AttendOptions& options) {
  const WindowBlocks blocks(in, options);
  const int64_t tokens = in.queries.size(1);
  std::vector<at::Tensor> logits = {blocks.Logits(in.queries)};
  const bool has_rows = in.rows.defined() && in.rows.size(1) > 0;
  if (has_rows) {
    const at::Tensor bias = in.selected.defined() ? SelectedBias(in.selected)
                                                  : VisibleBias(options.first_token, tokens,
                                                                in.rows.size(1), options.rows);
    logits.push_back(RowLogits(in.queries, in.rows, in.selected) + bias);
  }
  const int64_t near = logits.front().size(-1);
  const int64_t all = near + (has_rows ? logits.back().size(-1) : 0);
  logits.push_back(in.sinks.view({1, 1, -1, 1}).expand({in.queries.size(0), tokens, -1, 1}));
  const at::Tensor weights = at::cat(logits, -1).softmax(-1);
  const at::Tensor out = blocks.Mix(weights.slice(-1, 0, near));
  return has_rows ? out + MixRows(weights.slice(-1, near, all), in.rows, in.selected) : out;
}

}  // namespace fathom::train
