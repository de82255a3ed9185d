#include "train/attention.h"

#include <algorithm>
#include <cmath>

#include "train/indexer_loss.h"
#include "train/norm.h"
#include "train/recompute.h"

namespace fathom::train {
namespace {

// Tokens whose logits are in memory at a time; those of longer sequences are computed again for
// the gradient.
constexpr int64_t kPieceTokens = 1024;

int64_t PieceTokens(int64_t window) { return std::max(kPieceTokens / window, int64_t{1}) * window; }

at::Tensor AttendInLittleMemory(const AttendInputs& inputs, const AttendOptions& options) {
  std::vector<at::Tensor> tensors = {inputs.queries, inputs.sinks, inputs.window};
  if (inputs.rows.defined()) tensors.push_back(inputs.rows);
  return Recompute(
      [options, selected = inputs.selected](const std::vector<at::Tensor>& in) {
        return Attend({in[0], in[1], in[2], in.size() > 3 ? in[3] : at::Tensor(), selected},
                      options);
      },
      tensors);
}

// The rows that the indexer picks for tokens [begin, end); undefined if they are all.
at::Tensor PickRows(const IndexVectors& index, int64_t begin, int64_t end,
                    const VisibleRows& visible, int64_t topk) {
  const int64_t rows = visible.Count(end);
  if (rows <= topk) return {};
  at::NoGradGuard no_grad;
  return SelectRows(IndexScores(index.Tokens(begin, end), rows), topk, begin, visible);
}

}  // namespace

Attention::Attention(const ParameterTable& table, const model::LayerPlan& plan,
                     const model::AttentionWeights& weights)
    : config_(table.config()),
      plan_(plan),
      wq_a_(table.Of(weights.wq_a)),
      wq_b_(table.Of(weights.wq_b)),
      wkv_(table.Of(weights.wkv)),
      wo_a_(table.Of(weights.wo_a)),
      wo_b_(table.Of(weights.wo_b)),
      q_norm_(table.Of(weights.q_norm).value),
      kv_norm_(table.Of(weights.kv_norm).value),
      sinks_(table.Of(weights.sinks).value) {
  if (plan.attention == model::AttentionKind::kWindow) return;
  compressor_.emplace(table, plan, weights.compressor, config_.head_dim, Compressor::Use::kRow);
  if (plan.attention == model::AttentionKind::kCsa) indexer_.emplace(table, plan, weights.indexer);
}

int64_t Attention::WindowOf(const PassOptions& options) const {
  const int64_t window = config_.sliding_window;
  return options.window > 0 ? std::min(options.window, window) : window;
}

Attention::Projected Attention::Project(const at::Tensor& x, const Rotation& rotation,
                                        const PassOptions& options) const {
  const Rounding& rounding = options.rounding;
  const double eps = config_.rms_norm_eps;
  const at::Tensor latent = RmsNorm(wq_a_.Apply(x, rounding), q_norm_, eps);
  const at::Tensor queries =
      wq_b_.Apply(latent, rounding).unflatten(-1, {config_.num_attention_heads, config_.head_dim});
  Projected out;
  out.queries = Rotate(RmsNorm(queries, {}, eps), rotation) /
                std::sqrt(static_cast<double>(config_.head_dim));
  at::Tensor window = Rotate(RmsNorm(wkv_.Apply(x, rounding), kv_norm_, eps), rotation);
  if (rounding.cache) window = RoundRow(window, config_.qk_rope_head_dim);
  out.window = at::constant_pad_nd(window, {0, 0, WindowOf(options), 0});
  if (compressor_) out.rows = compressor_->Forward(x, rotation, rounding);
  if (indexer_) out.index = indexer_->Forward(x, latent, rotation, rounding);
  return out;
}

VisibleRows Attention::JoinCrowd(Projected& all, Pass& pass) const {
  VisibleRows visible = {.ratio = plan_.compress_ratio};
  if (!compressor_) return visible;
  if (pass.options.keeps_rows)
    pass.rows.push_back({all.rows, all.index ? all.index->keys : at::Tensor()});
  if (pass.options.crowd == nullptr) return visible;
  const LayerRows& crowd = pass.options.crowd->layers[pass.crowded_layers++];
  visible.crowd = crowd.rows.size(1);
  visible.crowd_at = pass.options.crowd_at;
  const auto join = [&](const at::Tensor& own, const at::Tensor& others) {
    const int64_t before = visible.crowd_at / visible.ratio;
    return at::cat(
        {own.slice(1, 0, before), others.expand({own.size(0), -1, -1}), own.slice(1, before)}, 1);
  };
  all.rows = join(all.rows, crowd.rows);
  if (all.index) all.index->keys = join(all.index->keys, crowd.index_keys);
  return visible;
}

at::Tensor Attention::AttendPiece(const Projected& all, const VisibleRows& visible, int64_t begin,
                                  int64_t end, Pass& pass) const {
  const int64_t window = WindowOf(pass.options);
  AttendInputs in = {.queries = all.queries.slice(1, begin, end),
                     .sinks = sinks_,
                     .window = all.window.slice(1, begin, end + window),
                     .rows = {},
                     .selected = {}};
  if (all.rows.defined()) in.rows = all.rows.slice(1, 0, visible.Count(end));
  if (all.index && pass.options.selection == Selection::kIndexed)
    in.selected = PickRows(*all.index, begin, end, visible, config_.index_topk);
  if (all.index && pass.options.with_losses && in.rows.size(1) > 0) {
    const int64_t every = pass.options.dense_every;
    const bool dense = every > 0 && (begin / PieceTokens(window) + pass.options.turn) % every == 0;
    IndexVectors index = all.index->Tokens(begin, end);
    index.keys = index.keys.slice(1, 0, in.rows.size(1));
    pass.indexer_losses.back() = pass.indexer_losses.back() +
                                 IndexerLoss({in.queries.detach(), in.rows.detach(), index,
                                              dense ? at::Tensor() : in.selected, begin, visible});
  }
  const AttendOptions options = {begin, window, visible};
  const bool is_whole = begin == 0 && end == all.queries.size(1);
  return is_whole ? Attend(in, options) : AttendInLittleMemory(in, options);
}

// Heads are projected in groups, each to a latent of its own.
at::Tensor Attention::ProjectOutput(const at::Tensor& heads, const Rounding& rounding) const {
  const int64_t groups = config_.o_groups;
  const at::Tensor grouped =
      heads.reshape({heads.size(0) * heads.size(1), groups, -1}).transpose(0, 1);
  const at::Tensor weight = wo_a_.Weight(rounding).unflatten(0, {groups, config_.o_lora_rank});
  const at::Tensor latent = at::bmm(grouped, weight.transpose(1, 2)).transpose(0, 1).flatten(1);
  return wo_b_.Apply(latent, rounding).unflatten(0, {heads.size(0), heads.size(1)});
}

at::Tensor Attention::Forward(const at::Tensor& x, Pass& pass) const {
  const Rotation& rotation = compressor_ ? pass.compressed_rotation : pass.window_rotation;
  Projected all = Project(x, rotation, pass.options);
  const VisibleRows visible = JoinCrowd(all, pass);
  if (indexer_ && pass.options.with_losses)
    pass.indexer_losses.push_back(at::zeros({}, x.options()));
  std::vector<at::Tensor> pieces;
  const int64_t size = PieceTokens(WindowOf(pass.options));
  for (int64_t begin = 0; begin < x.size(1); begin += size)
    pieces.push_back(AttendPiece(all, visible, begin, std::min(begin + size, x.size(1)), pass));
  const at::Tensor heads = pieces.size() == 1 ? pieces.front() : at::cat(pieces, 1);
  if (indexer_ && pass.options.with_losses)
    pass.indexer_losses.back() =
        pass.indexer_losses.back() / static_cast<double>(x.size(0) * x.size(1));
  return ProjectOutput(Rotate(heads, rotation, Turn::kBack), pass.options.rounding);
}

}  // namespace fathom::train
