#include "train/parameters.h"

#include <ATen/CPUGeneratorImpl.h>

#include <utility>
#include <variant>

#include "base/check.h"

namespace fathom::train {
namespace {

const void* MemberOf(const model::TensorSlot& slot) {
  return std::visit([](auto* member) -> const void* { return member; }, slot.target);
}

// Values in a slot's tensor: of packed pairs of E2M1, twice as many as the file has columns.
tensor::Shape ValueShape(const model::TensorSlot& slot) {
  tensor::Shape shape = slot.shape;
  if (slot.kind == model::TensorKind::kMatrix && slot.format == model::WeightFormat::kE2m1)
    shape.back() *= 2;
  return shape;
}

}  // namespace

ParameterTable::ParameterTable(const model::ModelConfig& config) : config_(config) {
  model::ForEachTensor(config_, skeleton_, [&](const model::TensorSlot& slot) {
    if (slot.kind == model::TensorKind::kScales) return;
    slot_of_[MemberOf(slot)] = slots_.size();
    slots_.push_back({slot, {}});
  });
  for (size_t i = 0; i < slots_.size(); ++i)
    if (!slots_[i].slot.is_routed) AddOwn(i);
  for (const model::LayerWeights& layer : skeleton_.layers) AddExperts(layer.ffn);
  for (const model::MtpWeights& mtp : skeleton_.mtp) AddExperts(mtp.layer.ffn);
}

void ParameterTable::AddOwn(size_t slot) {
  StoredSlot& stored = slots_[slot];
  if (stored.slot.kind == model::TensorKind::kExpertIds) {
    stored.value = at::zeros(stored.slot.shape, at::kLong);
    return;
  }
  stored.value = at::zeros(ValueShape(stored.slot), at::kFloat);
  parameter_of_[MemberOf(stored.slot)] = parameters_.size();
  parameters_.push_back({stored.slot.name, stored.value, stored.slot.kind, stored.slot.format});
}

void ParameterTable::AddExperts(const model::MoeWeights& moe) {
  AddStack(moe, &model::ExpertWeights::w1);
  AddStack(moe, &model::ExpertWeights::w2);
  AddStack(moe, &model::ExpertWeights::w3);
}

void ParameterTable::AddStack(const model::MoeWeights& moe,
                              model::WeightMatrix model::ExpertWeights::*matrix) {
  const void* const first = &(moe.experts.front().*matrix).data;
  const model::TensorSlot& slot = slots_[slot_of_.at(first)].slot;
  tensor::Shape shape = ValueShape(slot);
  shape.insert(shape.begin(), static_cast<int64_t>(moe.experts.size()));
  const at::Tensor stack = at::zeros(shape, at::kFloat);
  for (size_t e = 0; e < moe.experts.size(); ++e)
    slots_[slot_of_.at(&(moe.experts[e].*matrix).data)].value =
        stack.select(0, static_cast<int64_t>(e));
  parameter_of_[first] = parameters_.size();
  parameters_.push_back({slot.name, stack, slot.kind, slot.format});
}

const Parameter& ParameterTable::Find(const void* member) const {
  const auto found = parameter_of_.find(member);
  FATHOM_CHECK(found != parameter_of_.end());
  return parameters_[found->second];
}

const at::Tensor& ParameterTable::ExpertIds(const std::byte* const& table) const {
  const auto found = slot_of_.find(&table);
  FATHOM_CHECK(found != slot_of_.end());
  return slots_[found->second].value;
}

namespace {

// Streams start as equals that keep to themselves: the combination is close to the identity, and
// what the network says about it counts little at first.
constexpr double kIdentityLogit = 4;
constexpr double kMixScale = 0.1;
// Of the output matrix of a random model, whose logits are to be as far apart as a trained one's:
// training begins with all tokens alike.
constexpr double kOutputScale = 0.1;

void InitializeMix(const ParameterTable& table, const model::HyperConnectionWeights& weights) {
  const int64_t hc = table.config().hc_mult;
  table.Of(weights.scale).value.fill_(kMixScale);
  const at::Tensor base = table.Of(weights.base).value;
  if (base.size(0) > hc) base.slice(0, 2 * hc).copy_((at::eye(hc) * kIdentityLogit).flatten());
}

// Half of the heads of a layer with compressed rows begin by attending to rows of what is like the
// token that asks: projections that are drawn at random keep angles, if both sides have the same.
void AlignQueries(const ParameterTable& table, const model::AttentionWeights& weights) {
  const int64_t dim = table.config().head_dim;
  const int64_t heads = table.config().num_attention_heads;
  const at::Tensor halves = table.Of(weights.compressor.wkv).value.unflatten(0, {-1, dim});
  halves.copy_(halves[0].clone().expand_as(halves));
  const at::Tensor queries = table.Of(weights.wq_b).value.unflatten(0, {heads, dim});
  const at::Tensor alike = halves[0].matmul(table.Of(weights.wq_a).value.t());
  queries.slice(0, 0, heads / 2).copy_(alike * (queries.std() / alike.std()));
}

void InitializeLayer(const ParameterTable& table, const model::LayerWeights& layer) {
  InitializeMix(table, layer.hc_attn);
  InitializeMix(table, layer.hc_ffn);
}

// Vectors start where they change nothing: norms at 1; sinks, position biases and the router's
// biases at 0.
void InitializeSlot(const StoredSlot& stored, at::Generator& generator) {
  const model::TensorSlot& slot = stored.slot;
  switch (slot.kind) {
    case model::TensorKind::kExpertIds: {
      // Each token's experts: the first of a random order.
      const at::Tensor order =
          at::argsort(at::rand({slot.shape[0], slot.experts}, generator), int64_t{1});
      stored.value.copy_(order.slice(1, 0, slot.shape[1]));
      return;
    }
    case model::TensorKind::kNorm:
      stored.value.fill_(1);
      return;
    case model::TensorKind::kFloats:
      stored.value.fill_(0);
      return;
    case model::TensorKind::kMatrix:
      stored.value.copy_(at::normal(0, slot.initial.deviation, stored.value.sizes(), generator));
      return;
    case model::TensorKind::kScales:
      return;
  }
}

}  // namespace

void InitializeParameters(const ParameterTable& table, uint64_t seed) {
  at::NoGradGuard no_grad;
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  for (const StoredSlot& stored : table.slots()) InitializeSlot(stored, generator);
  const model::ModelWeights& skeleton = table.skeleton();
  table.Of(skeleton.output).value.mul_(kOutputScale);
  InitializeMix(table, skeleton.head.hc);
  for (size_t i = 0; i < skeleton.layers.size(); ++i) {
    InitializeLayer(table, skeleton.layers[i]);
    if (table.config().layers[i].compress_ratio > 0) AlignQueries(table, skeleton.layers[i].attn);
  }
  for (const model::MtpWeights& mtp : skeleton.mtp) {
    InitializeLayer(table, mtp.layer);
    InitializeMix(table, mtp.head.hc);
  }
}

}  // namespace fathom::train
