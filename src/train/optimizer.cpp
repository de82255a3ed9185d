#include "train/optimizer.h"

#include <unordered_set>
#include <utility>

namespace fathom::train {
namespace {

struct Split {
  std::vector<Parameter> matrices;
  std::vector<Parameter> others;
};

Split SplitParameters(const ParameterTable& table) {
  const model::ModelWeights& skeleton = table.skeleton();
  std::unordered_set<const Parameter*> plain = {
      &table.Of(skeleton.embed), &table.Of(skeleton.output), &table.Of(skeleton.head.hc.fn)};
  std::unordered_set<const Parameter*> fixed;
  const auto add_layer = [&](const model::LayerWeights& layer, const model::LayerPlan& plan) {
    plain.insert({&table.Of(layer.hc_attn.fn), &table.Of(layer.hc_ffn.fn)});
    if (plan.router == model::RouterKind::kScored) fixed.insert(&table.Of(layer.ffn.bias));
  };
  const auto& plans = table.config().layers;
  for (size_t i = 0; i < skeleton.layers.size(); ++i) add_layer(skeleton.layers[i], plans[i]);
  for (size_t i = 0; i < skeleton.mtp.size(); ++i) {
    add_layer(skeleton.mtp[i].layer, plans[skeleton.layers.size() + i]);
    plain.insert(&table.Of(skeleton.mtp[i].head.hc.fn));
  }
  Split split;
  for (const Parameter& p : table.parameters()) {
    if (fixed.contains(&p)) continue;
    const bool by_muon = p.kind == model::TensorKind::kMatrix && !plain.contains(&p);
    (by_muon ? split.matrices : split.others).push_back(p);
  }
  return split;
}

}  // namespace

Optimizer::Optimizer(const ParameterTable& table)
    : muon_(SplitParameters(table).matrices), adamw_(SplitParameters(table).others) {}

Optimizer::Optimizer(std::vector<Parameter> adapters) : muon_({}), adamw_(std::move(adapters)) {}

void Optimizer::Step(const Rates& rates, base::ThreadPool& pool) {
  muon_.Step(rates.muon, pool);
  adamw_.Step(rates.adamw);
}

std::vector<StateTensor> Optimizer::State() const {
  std::vector<StateTensor> state = muon_.State();
  for (StateTensor& tensor : adamw_.State()) state.push_back(std::move(tensor));
  return state;
}

}  // namespace fathom::train
