#include "model/expert_source.h"

namespace fathom::model {

std::vector<std::span<const ExpertWeights>> ListExperts(const ModelWeights& weights) {
  std::vector<std::span<const ExpertWeights>> layers;
  for (const LayerWeights& layer : weights.layers) layers.emplace_back(layer.ffn.experts);
  for (const MtpWeights& mtp : weights.mtp) layers.emplace_back(mtp.layer.ffn.experts);
  return layers;
}

base::Result<ExpertGroup> MappedExperts::Acquire(int64_t layer, std::span<const ExpertUse> uses) {
  const auto experts = layers_[static_cast<size_t>(layer)];
  group_.clear();
  for (const ExpertUse& use : uses) group_.push_back(&experts[static_cast<size_t>(use.expert)]);
  return ExpertGroup(group_);
}

}  // namespace fathom::model
