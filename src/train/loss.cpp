#include "train/loss.h"

#include "base/check.h"

namespace fathom::train {
namespace {

struct Prediction {
  at::Tensor mean;  // of the cross entropies, weighted
  double accuracy = 0;
};

// Logits are made of tokens that count alone.
Prediction PredictTokens(const Model& model, const at::Tensor& hidden, const at::Tensor& targets,
                         const at::Tensor& weights) {
  const at::Tensor counted = at::nonzero(weights.flatten()).squeeze(1);
  const at::Tensor target = targets.flatten().index_select(0, counted);
  const at::Tensor weight = weights.flatten().index_select(0, counted);
  const at::Tensor logits = model.Logits(hidden.flatten(0, 1).index_select(0, counted));
  const at::Tensor losses = at::cross_entropy_loss(logits, target, {}, at::Reduction::None);
  Prediction out;
  out.mean = (losses * weight).sum() / weight.sum().clamp_min(1e-9);
  const at::Tensor full = at::nonzero(weight >= 1).squeeze(1);
  if (full.numel() == 0) return out;
  const at::Tensor likeliest = logits.detach().index_select(0, full).argmax(-1);
  out.accuracy = likeliest.eq(target.index_select(0, full)).to(at::kFloat).mean().item<double>();
  return out;
}

at::Tensor Sum(const std::vector<at::Tensor>& terms) {
  return terms.empty() ? at::zeros({}) : at::stack(terms).sum();
}

}  // namespace

Loss ComputeLoss(const Model& model, const Batch& batch, const LossOptions& options, Pass& pass) {
  FATHOM_CHECK(pass.options.with_losses);
  const int64_t tokens = batch.positions.size(1);
  const auto shifted = [&](const at::Tensor& t, int64_t by, int64_t count) {
    return t.slice(1, by, by + count);
  };
  const at::Tensor streams = model.Forward(pass);
  const Prediction next =
      PredictTokens(model, model.Hidden(streams), shifted(batch.tokens, 1, tokens),
                    shifted(batch.weights, 1, tokens));
  const auto layers = static_cast<double>(std::max<size_t>(pass.indexer_losses.size(), 1));
  const at::Tensor indexer = Sum(pass.indexer_losses) / layers;
  Loss loss;
  loss.total = next.mean + indexer * options.indexer;
  loss.values = {.next_token = next.mean.item<double>(),
                 .mtp = 0,
                 .indexer = indexer.item<double>(),
                 .accuracy = next.accuracy};
  if (model.has_mtp() && options.mtp > 0) {
    // The last token's successor's successor is beyond the batch.
    const at::Tensor hidden =
        model.MtpHidden(streams, shifted(batch.tokens, 1, tokens), pass).slice(1, 0, tokens - 1);
    const Prediction after = PredictTokens(model, hidden, shifted(batch.tokens, 2, tokens - 1),
                                           shifted(batch.weights, 2, tokens - 1));
    loss.total = loss.total + after.mean * options.mtp;
    loss.values.mtp = after.mean.item<double>();
  }
  loss.total = loss.total + Sum(pass.balance_losses) * options.balance;
  return loss;
}

}  // namespace fathom::train
