#include "train/model.h"

#include "train/norm.h"

namespace fathom::train {

Block::Block(const ParameterTable& table, const model::LayerPlan& plan,
             const model::LayerWeights& weights)
    : eps_(table.config().rms_norm_eps),
      hc_attn_(table, weights.hc_attn),
      attn_norm_(table.Of(weights.attn_norm).value),
      attention_(table, plan, weights.attn),
      hc_ffn_(table, weights.hc_ffn),
      ffn_norm_(table.Of(weights.ffn_norm).value),
      moe_(table, plan, weights.ffn) {}

at::Tensor Block::Forward(const at::Tensor& streams, const at::Tensor& ids, Pass& pass) const {
  const StreamMix attn = hc_attn_.Enter(streams);
  const at::Tensor attended = attention_.Forward(RmsNorm(attn.input, attn_norm_, eps_), pass);
  const at::Tensor between = HyperConnection::Leave(streams, attended, attn);

  const StreamMix ffn = hc_ffn_.Enter(between);
  const at::Tensor computed = moe_.Forward(RmsNorm(ffn.input, ffn_norm_, eps_), ids, pass);
  return HyperConnection::Leave(between, computed, ffn);
}

MtpBlock::MtpBlock(const ParameterTable& table, const model::LayerPlan& plan,
                   const model::MtpWeights& weights)
    : eps_(table.config().rms_norm_eps),
      enorm_(table.Of(weights.enorm).value),
      hnorm_(table.Of(weights.hnorm).value),
      e_proj_(table.Of(weights.e_proj)),
      h_proj_(table.Of(weights.h_proj)),
      block_(table, plan, weights.layer),
      head_(table, weights.head.hc),
      norm_(table.Of(weights.head.norm).value) {}

at::Tensor MtpBlock::Forward(const at::Tensor& streams, const at::Tensor& next,
                             const at::Tensor& embedded, Pass& pass) const {
  const Rounding& rounding = pass.options.rounding;
  const at::Tensor token = e_proj_.Apply(RmsNorm(embedded, enorm_, eps_), rounding);
  const at::Tensor past = h_proj_.Apply(RmsNorm(streams, hnorm_, eps_), rounding);
  const at::Tensor out = block_.Forward(past + token.unsqueeze(2), next, pass);
  return RmsNorm(head_.Collapse(out), norm_, eps_);
}

Model::Model(const ParameterTable& table)
    : config_(table.config()),
      embed_(table.Of(table.skeleton().embed).value),
      output_(table.Of(table.skeleton().output).value),
      head_(table, table.skeleton().head.hc),
      norm_(table.Of(table.skeleton().head.norm).value) {
  const auto& layers = table.skeleton().layers;
  for (size_t i = 0; i < layers.size(); ++i)
    blocks_.emplace_back(table, config_.layers[i], layers[i]);
  if (!table.skeleton().mtp.empty())
    mtp_.emplace(table, config_.layers[layers.size()], table.skeleton().mtp.front());
}

Pass Model::Begin(const at::Tensor& ids, const at::Tensor& positions,
                  const PassOptions& options) const {
  Pass pass;
  pass.options = options;
  pass.ids = ids;
  for (const model::LayerPlan& plan : config_.layers) {
    Rotation& rotation = plan.attention == model::AttentionKind::kWindow ? pass.window_rotation
                                                                         : pass.compressed_rotation;
    if (!rotation.cos.defined())
      rotation = MakeRotation(plan.rope, config_.qk_rope_head_dim, positions);
  }
  return pass;
}

at::Tensor Model::Forward(Pass& pass) const {
  at::Tensor streams =
      at::embedding(embed_, pass.ids).unsqueeze(2).expand({-1, -1, config_.hc_mult, -1});
  for (const Block& block : blocks_) streams = block.Forward(streams, pass.ids, pass);
  return streams;
}

at::Tensor Model::Hidden(const at::Tensor& streams) const {
  return RmsNorm(head_.Collapse(streams), norm_, config_.rms_norm_eps);
}

at::Tensor Model::MtpHidden(const at::Tensor& streams, const at::Tensor& next, Pass& pass) const {
  return mtp_->Forward(streams, next, at::embedding(embed_, next), pass);
}

at::Tensor Model::Logits(const at::Tensor& hidden) const { return at::linear(hidden, output_); }

std::vector<at::Tensor> Model::RouterBiases() const {
  std::vector<at::Tensor> biases;
  const auto add = [&](const Moe& moe) {
    if (moe.bias().defined()) biases.push_back(moe.bias());
  };
  for (const Block& block : blocks_) add(block.moe());
  if (mtp_) add(mtp_->block().moe());
  return biases;
}

}  // namespace fathom::train
