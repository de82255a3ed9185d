#include "train/lora.h"

#include <ATen/CPUGeneratorImpl.h>

#include <cmath>

namespace fathom::train {

std::vector<Parameter> AttachAdapters(ParameterTable& table, int64_t rank, uint64_t seed) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  std::vector<Parameter> factors;
  for (size_t i = 0; i < table.parameters().size(); ++i) {
    const Parameter& p = table.parameters()[i];
    const bool is_quantized =
        p.kind == model::TensorKind::kMatrix &&
        (p.format == model::WeightFormat::kE4m3 || p.format == model::WeightFormat::kE2m1);
    if (!is_quantized) continue;
    std::vector<int64_t> down = p.value.sizes().vec(), up = down;
    down[down.size() - 2] = rank;
    up.back() = rank;
    const double deviation = 1 / std::sqrt(static_cast<double>(p.value.size(-1)));
    const LowRank adapter = {at::normal(0, deviation, down, generator), at::zeros(up)};
    factors.push_back({p.name + ".down", adapter.down, p.kind, {}, {}});
    factors.push_back({p.name + ".up", adapter.up, p.kind, {}, {}});
    table.Attach(i, adapter);
  }
  return factors;
}

void MergeAdapters(ParameterTable& table) {
  at::NoGradGuard no_grad;
  for (size_t i = 0; i < table.parameters().size(); ++i) {
    const Parameter& p = table.parameters()[i];
    if (!p.adapter.up.defined()) continue;
    at::Tensor value = p.value;
    value.add_(at::matmul(p.adapter.up, p.adapter.down));
    table.Attach(i, {});
  }
}

}  // namespace fathom::train
