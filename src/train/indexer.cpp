#include "train/indexer.h"

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "train/rows.h"

namespace fathom::train {
namespace {

// The best `count` of scores[0, visible), in the order of the rows.
void SelectRow(const float* scores, int64_t visible, int64_t count, std::vector<float>& scratch,
               int64_t* out) {
  std::fill(out, out + count, int64_t{-1});
  int64_t taken = 0;
  if (visible <= count) {
    for (; taken < visible; ++taken) out[taken] = taken;
    return;
  }
  scratch.assign(scores, scores + visible);
  // A training that comes apart shall end with its error, not in a sort without an order.
  std::replace_if(
      scratch.begin(), scratch.end(), [](float score) { return std::isnan(score); },
      -std::numeric_limits<float>::infinity());
  std::nth_element(scratch.begin(), scratch.begin() + (count - 1), scratch.end(), std::greater<>());
  const float threshold = scratch[static_cast<size_t>(count - 1)];
  int64_t ties = count - std::count_if(scratch.begin(), scratch.begin() + count,
                                       [&](float score) { return score > threshold; });
  for (int64_t row = 0; row < visible && taken < count; ++row) {
    if (scores[row] < threshold || (scores[row] == threshold && ties-- <= 0)) continue;
    out[taken++] = row;
  }
}

}  // namespace

IndexVectors IndexVectors::Tokens(int64_t begin, int64_t end) const {
  return {queries.slice(1, begin, end), keys, weights.slice(1, begin, end)};
}

Indexer::Indexer(const ParameterTable& table, const model::LayerPlan& plan,
                 const model::IndexerWeights& weights)
    : config_(table.config()),
      wq_b_(table.Of(weights.wq_b)),
      weights_proj_(table.Of(weights.weights_proj)),
      compressor_(table, plan, weights.compressor, table.config().index_head_dim,
                  Compressor::Use::kIndexKey) {}

IndexVectors Indexer::Forward(const at::Tensor& attached_x, const at::Tensor& attached_latent,
                              const Rotation& rotation, const Rounding& rounding) const {
  const at::Tensor x = attached_x.detach();
  const int64_t heads = config_.index_n_heads;
  const int64_t dim = config_.index_head_dim;
  at::Tensor queries =
      Rotate(wq_b_.Apply(attached_latent.detach(), rounding).unflatten(-1, {heads, dim}), rotation);
  if (rounding.cache) queries = RoundIndexVector(RotateHadamard(queries));
  const double scale = 1 / std::sqrt(static_cast<double>(heads * dim));
  return {queries, compressor_.Forward(x, rotation, rounding),
          weights_proj_.Apply(x, rounding) * scale};
}

at::Tensor IndexScores(const IndexVectors& vectors, int64_t rows) {
  const at::Tensor keys = vectors.keys.slice(1, 0, rows).transpose(1, 2);
  at::Tensor scores;
  for (int64_t head = 0; head < vectors.queries.size(2); ++head) {
    const at::Tensor hits = at::bmm(vectors.queries.select(2, head), keys).relu();
    const at::Tensor weight = vectors.weights.select(2, head).unsqueeze(-1);
    scores = scores.defined() ? at::addcmul(scores, hits, weight) : hits * weight;
  }
  return scores;
}

at::Tensor SelectRows(const at::Tensor& all_scores, int64_t count, int64_t first_token,
                      const VisibleRows& visible) {
  const at::Tensor scores = all_scores.detach().to(at::kFloat).contiguous();
  const int64_t tokens = scores.size(1);
  const int64_t rows = scores.size(2);
  at::Tensor selected = at::empty({scores.size(0), tokens, count}, at::kLong);
  ForRowParts(scores.size(0) * tokens, [&](int64_t begin, int64_t end, int64_t) {
    std::vector<float> scratch;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t seen = std::min(visible.Count(first_token + i % tokens + 1), rows);
      SelectRow(scores.data_ptr<float>() + i * rows, seen, count, scratch,
                selected.data_ptr<int64_t>() + i * count);
    }
  });
  return selected;
}

}  // namespace fathom::train
