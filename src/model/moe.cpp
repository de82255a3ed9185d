#include "model/moe.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace fathom::model {
namespace {

using ops::MatmulTask;

float SqrtSoftplus(float x) {
  // Beyond 20 the logarithm is x to float32's precision.
  return std::sqrt(x > 20.0f ? x : std::log1p(std::exp(x)));
}

// The gate's logits and the shared expert's first two projections read the same input.
void ProjectInput(Pass& pass, const MoeWeights& weights) {
  auto& act = pass.activations.moe;
  const Matrix<float>& x = pass.activations.x;
  const int64_t tokens = pass.tokens();
  ops::QuantizeRows(pass.ops, x.data(), tokens, act.x);
  ops::QuantizeRows(pass.ops, x.data(), tokens, act.x_routed);
  const MatmulTask tasks[] = {
      MatmulTask::Whole(weights.gate, ops::ActivationRows::Float(x.data(), x.cols()), tokens,
                        act.scores.data()),
      MatmulTask::Whole(weights.shared.w1, act.x.view(), tokens, act.shared_gate.data()),
      MatmulTask::Whole(weights.shared.w3, act.x.view(), tokens, act.shared_up.data()),
  };
  ops::Matmul(pass.ops, tasks);
}

// tid2eid[token id], ascending.
void LookUpExperts(const std::byte* tid2eid, int32_t token_id, int64_t count, int32_t* experts) {
  for (int64_t j = 0; j < count; ++j) {
    int64_t expert;
    std::memcpy(&expert, tid2eid + (token_id * count + j) * 8, sizeof expert);
    experts[j] = static_cast<int32_t>(expert);
  }
  std::sort(experts, experts + count);
}

// The `count` largest of score + bias, ascending; of equal ones the lowest index.
void PickExperts(const float* scores, const float* bias, int64_t n, int64_t count,
                 int32_t* experts) {
  const auto value = [&](int32_t e) { return scores[e] + bias[e]; };
  int64_t kept = 0;
  for (int32_t e = 0; e < n; ++e) {
    int64_t place = kept;
    while (place > 0 && value(experts[place - 1]) < value(e)) --place;
    if (place == count) continue;
    kept = std::min(kept + 1, count);
    std::copy_backward(experts + place, experts + kept - 1, experts + kept);
    experts[place] = e;
  }
  std::sort(experts, experts + count);
}

void RouteToken(Pass& pass, const MoeWeights& weights, int64_t t) {
  auto& act = pass.activations.moe;
  const ModelConfig& config = pass.config;
  const int64_t count = config.num_experts_per_tok;
  float* scores = act.scores.row(t);
  int32_t* experts = act.experts.row(t);
  float* routing = act.weights.row(t);
  for (int64_t e = 0; e < config.n_routed_experts; ++e) scores[e] = SqrtSoftplus(scores[e]);
  if (pass.plan().router == RouterKind::kHash) {
    LookUpExperts(weights.tid2eid, pass.batch.id(t), count, experts);
  } else {
    PickExperts(scores, weights.bias, config.n_routed_experts, count, experts);
  }
  float sum = 0;
  for (int64_t j = 0; j < count; ++j) sum += scores[experts[j]];
  for (int64_t j = 0; j < count; ++j)
    routing[j] = scores[experts[j]] / sum * config.routed_scaling_factor;
}

void Route(Pass& pass, const MoeWeights& weights) {
  pass.ops.pool.ForRanges(pass.tokens(), 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t) RouteToken(pass, weights, t);
  });
  if (pass.observer == nullptr) return;
  for (int64_t t = 0; t < pass.tokens(); ++t)
    pass.observer->OnExperts(pass.layer, t,
                             {pass.activations.moe.experts.row(t),
                              static_cast<size_t>(pass.config.num_experts_per_tok)});
}

// Gives each (token, expert) pair a slot, an expert's slots in a row: a counting sort by expert.
void AssignSlots(Pass& pass) {
  auto& act = pass.activations.moe;
  const int64_t count = pass.config.num_experts_per_tok;
  auto& begin = act.expert_begin;
  std::fill(begin.begin(), begin.end(), 0);
  for (int64_t t = 0; t < pass.tokens(); ++t)
    for (int64_t j = 0; j < count; ++j) ++begin[static_cast<size_t>(act.experts.row(t)[j]) + 1];
  for (size_t e = 1; e < begin.size(); ++e) begin[e] += begin[e - 1];
  std::copy(begin.begin(), begin.end() - 1, act.expert_next.begin());
  for (int64_t t = 0; t < pass.tokens(); ++t) {
    for (int64_t j = 0; j < count; ++j) {
      const int32_t slot = act.expert_next[static_cast<size_t>(act.experts.row(t)[j])]++;
      act.slot_rows[static_cast<size_t>(slot)] = static_cast<int32_t>(t);
      act.slot_weights[static_cast<size_t>(slot)] = act.weights.row(t)[j];
      act.slots.row(t)[j] = slot;
    }
  }
}

// One task for each expert that has tokens; `make(expert, first slot, slot count)` fills it in.
template <typename Make>
void AddExpertTasks(MoeActivations& act, const MoeWeights& weights, const Make& make) {
  for (size_t e = 0; e < weights.experts.size(); ++e) {
    const int64_t first = act.expert_begin[e];
    const int64_t count = act.expert_begin[e + 1] - first;
    if (count > 0) make(weights.experts[e], first, count);
  }
}

void ProjectUp(Pass& pass, const MoeWeights& weights) {
  auto& act = pass.activations.moe;
  act.tasks.clear();
  AddExpertTasks(act, weights, [&](const ExpertWeights& expert, int64_t first, int64_t count) {
    for (const auto& [matrix, out] : {std::pair{&expert.w1, &act.gate}, {&expert.w3, &act.up}}) {
      MatmulTask task = MatmulTask::Whole(*matrix, act.x_routed.view(), count, out->row(first));
      task.x_rows = act.slot_rows.data() + first;
      act.tasks.push_back(task);
    }
  });
  ops::Matmul(pass.ops, act.tasks);
}

// The routing weight multiplies before the input of w2 is quantised.
void Activate(Pass& pass) {
  auto& act = pass.activations.moe;
  const auto& kernels = pass.ops.kernels;
  const float limit = pass.config.swiglu_limit;
  const int64_t tokens = pass.tokens();
  const int64_t slots = tokens * pass.config.num_experts_per_tok;
  pass.ops.pool.ForRanges(slots + tokens, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const bool routed = i < slots;
      const int64_t r = routed ? i : i - slots;
      float* gate = routed ? act.gate.row(r) : act.shared_gate.row(r);
      const float* up = routed ? act.up.row(r) : act.shared_up.row(r);
      ops::QuantizedRows& mid = routed ? act.mid : act.shared_mid;
      const float weight = routed ? act.slot_weights[static_cast<size_t>(r)] : 1.0f;
      kernels.swiglu(gate, up, limit, weight, mid.cols(), gate);
      kernels.quantize_activations(gate, mid.cols(), mid.format(), mid.row(r));
    }
  });
}

void ProjectDown(Pass& pass, const MoeWeights& weights) {
  auto& act = pass.activations.moe;
  act.tasks.clear();
  act.tasks.push_back(MatmulTask::Whole(weights.shared.w2, act.shared_mid.view(), pass.tokens(),
                                        pass.activations.y.data()));
  AddExpertTasks(act, weights, [&](const ExpertWeights& expert, int64_t first, int64_t count) {
    MatmulTask task = MatmulTask::Whole(expert.w2, act.mid.view(), count, act.down.row(first));
    task.x.data += first * task.x.stride;
    act.tasks.push_back(task);
  });
  ops::Matmul(pass.ops, act.tasks);
}

// y = shared expert + routed experts, by ascending expert: a fixed order.
void AddRoutedExperts(Pass& pass) {
  auto& act = pass.activations.moe;
  pass.ops.pool.ForRanges(pass.tokens(), 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t)
      for (int64_t j = 0; j < pass.config.num_experts_per_tok; ++j)
        pass.ops.kernels.add(act.down.row(act.slots.row(t)[j]), pass.config.hidden_size,
                             pass.activations.y.row(t));
  });
}

}  // namespace

void MixtureOfExperts(Pass& pass, const MoeWeights& weights) {
  ProjectInput(pass, weights);
  Route(pass, weights);
  AssignSlots(pass);
  ProjectUp(pass, weights);
  Activate(pass);
  ProjectDown(pass, weights);
  AddRoutedExperts(pass);
}

}  // namespace fathom::model
