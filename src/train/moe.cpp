#include "train/moe.h"

#include <vector>

namespace fathom::train {
namespace {

// Tokens in the order of their experts, and where each expert's begin.
struct Dispatch {
  at::Tensor order;             // int64 [tokens * experts per token]: of the flattened choices
  at::Tensor tokens;            // the token of each
  std::vector<int64_t> counts;  // by expert

  Dispatch(const at::Tensor& experts, int64_t expert_count) {
    const at::Tensor flat = experts.flatten();
    order = std::get<1>(at::sort(flat, /*stable=*/true, 0, /*descending=*/false));
    tokens = order.floor_divide(experts.size(1));
    const at::Tensor counted = at::bincount(flat, {}, expert_count);
    counts.assign(counted.data_ptr<int64_t>(), counted.data_ptr<int64_t>() + expert_count);
  }

  // Each expert's rows of x by its matrix of `weights` [experts, rows, cols].
  at::Tensor Apply(const at::Tensor& x, const at::Tensor& weights) const {
    const std::vector<at::Tensor> inputs = x.split_with_sizes(counts);
    const std::vector<at::Tensor> matrices = weights.unbind(0);
    std::vector<at::Tensor> outputs;
    for (size_t e = 0; e < counts.size(); ++e)
      if (counts[e] > 0) outputs.push_back(at::linear(inputs[e], matrices[e]));
    return at::cat(outputs);
  }
};

}  // namespace

Moe::Moe(const ParameterTable& table, const model::LayerPlan& plan,
         const model::MoeWeights& weights)
    : config_(table.config()), gate_(table.Of(weights.gate)) {
  if (plan.router == model::RouterKind::kHash)
    expert_ids_ = table.ExpertIds(weights.tid2eid);
  else
    bias_ = table.Of(weights.bias).value;
  const auto matrices = [&](const model::ExpertWeights& expert) -> Matrices {
    return {Linear(table.Of(expert.w1)), Linear(table.Of(expert.w2)), Linear(table.Of(expert.w3))};
  };
  routed_ = matrices(weights.experts.front());
  shared_ = matrices(weights.shared);
}

void Moe::CollectBalance(const at::Tensor& scores, const at::Tensor& experts, int64_t batch,
                         Pass& pass) const {
  const int64_t count = config_.n_routed_experts;
  const at::Tensor hits =
      at::zeros({experts.size(0), count}, scores.options()).scatter_(1, experts, 1);
  pass.expert_loads.push_back(hits.sum(0));
  const auto by_sequence = [&](const at::Tensor& t) { return t.unflatten(0, {batch, -1}).mean(1); };
  const at::Tensor probability = by_sequence(scores / scores.sum(-1, true));
  const double scale =
      static_cast<double>(count) / static_cast<double>(config_.num_experts_per_tok);
  pass.balance_losses.push_back((by_sequence(hits) * scale * probability).sum(-1).mean());
}

Moe::Route Moe::ChooseExperts(const at::Tensor& x, const at::Tensor& ids, Pass& pass) const {
  const at::Tensor scores = at::softplus(gate_.Apply(x, pass.options.rounding)).sqrt();
  Route route;
  if (expert_ids_.defined()) {
    route.experts = expert_ids_.index_select(0, ids.flatten());
  } else {
    route.experts =
        std::get<1>(at::topk((scores + bias_).detach(), config_.num_experts_per_tok, -1));
    if (pass.options.with_losses) CollectBalance(scores, route.experts, ids.size(0), pass);
  }
  const at::Tensor chosen = scores.gather(1, route.experts);
  route.weights = chosen / chosen.sum(-1, true) * config_.routed_scaling_factor;
  return route;
}

at::Tensor Moe::Activate(const at::Tensor& gate, const at::Tensor& up) const {
  const double limit = config_.swiglu_limit;
  return at::silu(gate.clamp_max(limit)) * up.clamp(-limit, limit);
}

at::Tensor Moe::Routed(const at::Tensor& x, const Route& route, const Rounding& rounding) const {
  const Dispatch dispatch(route.experts, config_.n_routed_experts);
  const at::Tensor input = routed_.w1.Input(x, rounding).index_select(0, dispatch.tokens);
  const at::Tensor gate = dispatch.Apply(input, routed_.w1.Weight(rounding));
  const at::Tensor up = dispatch.Apply(input, routed_.w3.Weight(rounding));
  const at::Tensor weight = route.weights.flatten().index_select(0, dispatch.order).unsqueeze(1);
  const at::Tensor inner = routed_.w2.Input(Activate(gate, up) * weight, rounding);
  const at::Tensor out = dispatch.Apply(inner, routed_.w2.Weight(rounding));
  return at::zeros_like(x).index_add(0, dispatch.tokens, out);
}

at::Tensor Moe::Shared(const at::Tensor& x, const Rounding& rounding) const {
  return shared_.w2.Apply(Activate(shared_.w1.Apply(x, rounding), shared_.w3.Apply(x, rounding)),
                          rounding);
}

at::Tensor Moe::Forward(const at::Tensor& x, const at::Tensor& ids, Pass& pass) const {
  const at::Tensor flat = x.flatten(0, 1);
  const Route route = ChooseExperts(flat, ids, pass);
  const Rounding& rounding = pass.options.rounding;
  return (Shared(flat, rounding) + Routed(flat, route, rounding)).view_as(x);
}

void UpdateBias(const at::Tensor& bias, const at::Tensor& load, double rate) {
  at::NoGradGuard no_grad;
  bias.add_((load.mean() - load).sign(), rate);
}

}  // namespace fathom::train
