#include "train/indexer_loss.h"

#include "train/attend.h"
#include "train/recompute.h"

namespace fathom::train {
namespace {

// Scores [batch, tokens, count] of the rows that each token selected.
at::Tensor SelectedScores(const IndexVectors& index, const at::Tensor& selected) {
  const at::Tensor hits = RowLogits(index.queries, index.keys, selected).relu();
  return (hits * index.weights.unsqueeze(-1)).sum(2);
}

// What is not learnt: the rows that count [.., tokens, 1, rows], and how the heads attend to them.
struct Target {
  at::Tensor bias;
  at::Tensor attention;  // [batch, tokens, rows], 0 for tokens that see none
};

Target MakeTarget(const IndexerLossInputs& in) {
  at::NoGradGuard no_grad;
  const int64_t tokens = in.queries.size(1);
  // A softmax needs something to see: tokens without rows get one, and no weight.
  constexpr int64_t kLeast = 1;
  Target target;
  if (in.selected.defined()) {
    at::Tensor shown = in.selected.clone();
    shown.select(-1, 0).clamp_min_(0);
    target.bias = SelectedBias(shown);
  } else {
    target.bias = VisibleBias(in.first_token, tokens, in.rows.size(1), in.visible, kLeast);
  }
  const at::Tensor sees_any = at::arange(in.first_token + 1, in.first_token + tokens + 1)
                                  .ge(in.visible.ratio)
                                  .view({1, -1, 1});
  const at::Tensor logits = RowLogits(in.queries, in.rows, in.selected) + target.bias;
  target.attention = logits.softmax(-1).mean(2) * sees_any;
  return target;
}

}  // namespace

at::Tensor IndexerLoss(const IndexerLossInputs& in) {
  const Target target = MakeTarget(in);
  const at::Tensor bias = target.bias.squeeze(-2);
  const auto cross_entropy = [=, selected = in.selected](const std::vector<at::Tensor>& vectors) {
    const IndexVectors index = {vectors[0], vectors[1], vectors[2]};
    const at::Tensor scores = selected.defined() ? SelectedScores(index, selected)
                                                 : IndexScores(index, index.keys.size(1));
    // Rows that are hidden have no weight, but minus infinity times nothing would be no number.
    const at::Tensor log_share = (scores + bias).log_softmax(-1).nan_to_num(0, 0, 0);
    return -(target.attention * log_share).sum();
  };
  const at::Tensor entropy = -at::xlogy(target.attention, target.attention).sum();
  return Recompute(cross_entropy, {in.index.queries, in.index.keys, in.index.weights}) - entropy;
}

}  // namespace fathom::train
