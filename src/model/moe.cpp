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

void ScoreExperts(Pass& pass, const MoeWeights& weights) {
  const Matrix<float>& x = pass.activations.x;
  const MatmulTask task =
      MatmulTask::Whole(weights.gate, ops::ActivationRows::Float(x.data(), x.cols()), pass.tokens(),
                        pass.activations.moe.scores.data());
  ops::Matmul(pass.ops, {&task, 1});
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

// The experts that have tokens, ascending.
void ListUses(std::span<const int32_t> tokens_of, std::vector<ExpertUse>& uses) {
  uses.clear();
  for (size_t e = 0; e < tokens_of.size(); ++e)
    if (tokens_of[e] > 0) uses.push_back({static_cast<int32_t>(e), tokens_of[e]});
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
// Lists the experts that have any.
void AssignSlots(Pass& pass) {
  auto& act = pass.activations.moe;
  const int64_t count = pass.config.num_experts_per_tok;
  auto& begin = act.expert_begin;
  std::fill(begin.begin(), begin.end(), 0);
  for (int64_t t = 0; t < pass.tokens(); ++t)
    for (int64_t j = 0; j < count; ++j) ++begin[static_cast<size_t>(act.experts.row(t)[j]) + 1];
  ListUses(std::span(begin).subspan(1), act.uses);
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

// What w1 and w3 gave, and where the input of w2 goes.
struct SwigluRows {
  Matrix<float>& gate;
  const Matrix<float>& up;
  ops::QuantizedRows& mid;
  const float* weights = nullptr;  // by row; null: 1
};

// The routing weight multiplies before the input of w2 is quantised.
void Activate(Pass& pass, const SwigluRows& rows, int64_t first, int64_t count) {
  const auto& kernels = pass.ops.kernels;
  const int64_t width = rows.mid.cols();
  pass.ops.pool.ForRanges(count, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = first + begin; r < first + end; ++r) {
      const float weight = rows.weights == nullptr ? 1.0f : rows.weights[r];
      float* gate = rows.gate.row(r);
      kernels.swiglu(gate, rows.up.row(r), pass.config.swiglu_limit, weight, width, gate);
      kernels.quantize_activations(gate, width, rows.mid.format(), rows.mid.row(r));
    }
  });
}

// y = the shared expert, without a weight.
void ComputeSharedExpert(Pass& pass, const ExpertWeights& shared) {
  auto& act = pass.activations.moe;
  const int64_t tokens = pass.tokens();
  ops::QuantizeRows(pass.ops, pass.activations.x.data(), tokens, act.x);
  const MatmulTask up[] = {
      MatmulTask::Whole(shared.w1, act.x.view(), tokens, act.shared_gate.data()),
      MatmulTask::Whole(shared.w3, act.x.view(), tokens, act.shared_up.data()),
  };
  ops::Matmul(pass.ops, up);
  Activate(pass, {act.shared_gate, act.shared_up, act.shared_mid}, 0, tokens);
  const MatmulTask down =
      MatmulTask::Whole(shared.w2, act.shared_mid.view(), tokens, pass.activations.y.data());
  ops::Matmul(pass.ops, {&down, 1});
}

// Rows [first slot, first slot + tokens) of down for each expert of a group.
void ComputeExperts(Pass& pass, ExpertGroup group, std::span<const ExpertUse> uses) {
  auto& act = pass.activations.moe;
  const auto first_of = [&](size_t i) {
    return int64_t{act.expert_begin[static_cast<size_t>(uses[i].expert)]};
  };
  act.tasks.clear();
  for (size_t i = 0; i < group.size(); ++i) {
    for (const auto& [matrix, out] :
         {std::pair{&group[i]->w1, &act.gate}, {&group[i]->w3, &act.up}}) {
      MatmulTask task =
          MatmulTask::Whole(*matrix, act.x_routed.view(), uses[i].tokens, out->row(first_of(i)));
      task.x_rows = act.slot_rows.data() + first_of(i);
      act.tasks.push_back(task);
    }
  }
  ops::Matmul(pass.ops, act.tasks);

  const int64_t first = first_of(0);
  const int64_t end = first_of(group.size() - 1) + uses[group.size() - 1].tokens;
  Activate(pass, {act.gate, act.up, act.mid, act.slot_weights.data()}, first, end - first);

  act.tasks.clear();
  for (size_t i = 0; i < group.size(); ++i) {
    MatmulTask task =
        MatmulTask::Whole(group[i]->w2, act.mid.view(), uses[i].tokens, act.down.row(first_of(i)));
    task.x.data += first_of(i) * task.x.stride;
    act.tasks.push_back(task);
  }
  ops::Matmul(pass.ops, act.tasks);
}

// y += the routed experts, by ascending expert: a fixed order.
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

void PrefetchHashedExperts(Pass& pass, const MoeWeights& weights) {
  if (pass.plan().router != RouterKind::kHash) return;
  auto& act = pass.activations.moe;
  const int64_t count = pass.config.num_experts_per_tok;
  std::fill(act.expert_next.begin(), act.expert_next.end(), 0);
  for (int64_t t = 0; t < pass.tokens(); ++t) {
    int32_t* experts = act.experts.row(t);
    LookUpExperts(weights.tid2eid, pass.batch.id(t), count, experts);
    for (int64_t j = 0; j < count; ++j) ++act.expert_next[static_cast<size_t>(experts[j])];
  }
  ListUses(act.expert_next, act.uses);
  pass.experts.Prefetch(pass.layer, act.uses);
}

base::Status MixtureOfExperts(Pass& pass, const MoeWeights& weights) {
  auto& act = pass.activations.moe;
  ScoreExperts(pass, weights);
  Route(pass, weights);
  AssignSlots(pass);
  pass.experts.Prefetch(pass.layer, act.uses);
  ComputeSharedExpert(pass, weights.shared);
  ops::QuantizeRows(pass.ops, pass.activations.x.data(), pass.tokens(), act.x_routed);
  for (std::span<const ExpertUse> rest = act.uses; !rest.empty();) {
    FATHOM_ASSIGN(const ExpertGroup group, pass.experts.Acquire(pass.layer, rest));
    ComputeExperts(pass, group, rest);
    rest = rest.subspan(group.size());
  }
  AddRoutedExperts(pass);
  return {};
}

}  // namespace fathom::model
