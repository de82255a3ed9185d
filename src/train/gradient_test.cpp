// Gradients against finite differences, in double precision: each operation whose gradient is
// written by hand, then the loss of a whole model by every kind of parameter.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "train/hyper_connection.h"
#include "train/indexer.h"
#include "train/model.h"
#include "train/norm.h"
#include "train/recompute.h"
#include "train/rope.h"
#include "train/selected_rows.h"
#include "train/tiny_model_testing.h"

namespace fathom::train {
namespace {

using Tensors = std::vector<at::Tensor>;
using Function = std::function<at::Tensor(const Tensors&)>;

at::Tensor RandomDoubles(at::IntArrayRef shape, uint64_t seed) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return at::normal(0, 1, shape, generator).to(at::kDouble);
}

double NumericSlope(const Function& f, const Tensors& at, size_t input, int64_t element) {
  at::NoGradGuard no_grad;
  constexpr double kStep = 1e-5;
  const auto shifted = [&](double step) {
    Tensors moved;
    for (const at::Tensor& t : at) moved.push_back(t.detach().clone());
    moved[input].view(-1)[element] += step;
    return f(moved).item<double>();
  };
  return (shifted(kStep) - shifted(-kStep)) / (2 * kStep);
}

// Holds every gradient of the sum of f's outputs, weighted at random, against its slopes; of large
// inputs, some elements.
void ExpectGradients(const Function& f, Tensors inputs) {
  constexpr int64_t kElements = 24;
  const Function weighted = [&](const Tensors& in) {
    const at::Tensor out = f(in);
    return (out * RandomDoubles(out.sizes(), 99)).sum();
  };
  for (at::Tensor& t : inputs) t.requires_grad_(true);
  const Tensors grads = torch::autograd::grad({weighted(inputs)}, inputs);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const int64_t step = std::max<int64_t>(1, inputs[i].numel() / kElements);
    for (int64_t e = 0; e < inputs[i].numel(); e += step) {
      const double slope = NumericSlope(weighted, inputs, i, e);
      EXPECT_NEAR(grads[i].reshape(-1)[e].item<double>(), slope, 1e-6 * (1 + std::abs(slope)))
          << "input " << i << ", element " << e;
    }
  }
}

TEST(Gradient, RmsNorm) {
  ExpectGradients([](const Tensors& in) { return RmsNorm(in[0], in[1], 1e-6); },
                  {RandomDoubles({3, 2, 10}, 1), RandomDoubles({10}, 2)});
  ExpectGradients([](const Tensors& in) { return RmsNorm(in[0], {}, 1e-6); },
                  {RandomDoubles({3, 2, 10}, 3)});
}

TEST(Gradient, Rotate) {
  const at::Tensor angle = RandomDoubles({2, 3, 4}, 1);
  const Rotation rotation = {angle.cos(), angle.sin()};
  for (const Turn turn : {Turn::kForward, Turn::kBack})
    ExpectGradients([&](const Tensors& in) { return Rotate(in[0], rotation, turn); },
                    {RandomDoubles({2, 3, 2, 12}, 2)});
}

TEST(Gradient, Sinkhorn) {
  ExpectGradients([](const Tensors& in) { return Sinkhorn(in[0], 20, 1e-6); },
                  {RandomDoubles({2, 3, 4, 4}, 1)});
}

TEST(Gradient, Streams) {
  ExpectGradients([](const Tensors& in) { return SumStreams(in[0], in[1]); },
                  {RandomDoubles({2, 3, 4, 5}, 1), RandomDoubles({2, 3, 4}, 2)});
  ExpectGradients(
      [](const Tensors& in) {
        return HyperConnection::Leave(in[0], in[1], {{}, in[2], in[3]});
      },
      {RandomDoubles({2, 3, 4, 5}, 1), RandomDoubles({2, 3, 5}, 2), RandomDoubles({2, 3, 4}, 3),
       RandomDoubles({2, 3, 4, 4}, 4)});
}

TEST(Gradient, SelectedRows) {
  const at::Tensor selected =
      at::tensor({4, 0, -1, 1, 1, 2, 3, -1, -1, 0, 2, 4}, at::kLong).view({2, 2, 3});
  const at::Tensor rows = RandomDoubles({2, 5, 6}, 1);
  ExpectGradients([&](const Tensors& in) { return SelectedLogits(in[0], in[1], selected); },
                  {RandomDoubles({2, 2, 3, 6}, 2), rows});
  ExpectGradients([&](const Tensors& in) { return MixSelectedRows(in[0], in[1], selected); },
                  {RandomDoubles({2, 2, 3, 3}, 3), rows});
}

TEST(Gradient, Recompute) {
  const Function f = [](const Tensors& in) { return (in[0] * in[1]).sin(); };
  ExpectGradients([&](const Tensors& in) { return Recompute(f, in); },
                  {RandomDoubles({3, 4}, 1), RandomDoubles({4}, 2)});
}

// Rows of the HCA layer need 128 tokens; three pieces of attention would need thousands.
constexpr int64_t kTokens = 140;

// A model in double precision whose every parameter has random values.
struct DoubleModel {
  DoubleModel() : table(TinyConfig()) {
    InitializeParameters(table, 5);
    uint64_t seed = 100;
    for (const Parameter& p : table.parameters())
      if (p.kind != model::TensorKind::kMatrix)
        p.value.add_(RandomDoubles(p.value.sizes(), ++seed).to(at::kFloat), 0.2);
    for (const Parameter& p : table.parameters()) {
      at::Tensor value = p.value;
      value.set_data(p.value.to(at::kDouble));
    }
    model.emplace(table);
    for (const Parameter& p : table.parameters()) {
      at::Tensor value = p.value;
      value.requires_grad_(true);
    }
  }

  // What a training step adds up. The indexers' share moves with all that is before it, but has no
  // gradient there, so that it is held against the slopes of their own parameters alone.
  struct Losses {
    at::Tensor model;
    at::Tensor indexers;

    const at::Tensor& Of(const std::string& group) const {
      return group.find("indexer") != std::string::npos ? indexers : model;
    }
  };

  Losses Compute(Selection selection) const {
    at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(3);
    const at::Tensor ids = at::randint(2, 96, {1, kTokens + 1}, generator, at::kLong);
    const at::Tensor now = ids.slice(1, 0, kTokens), next = ids.slice(1, 1);
    PassOptions options = {.rounding = {}, .selection = selection, .with_losses = true};
    Pass pass = model->Begin(now, at::arange(kTokens).unsqueeze(0), options);
    const at::Tensor streams = model->Forward(pass);
    const at::Tensor hidden = model->Hidden(streams);
    const at::Tensor mtp = model->MtpHidden(streams, next, pass);
    Losses losses;
    losses.model = (model->Logits(hidden).log_softmax(-1) * RandomDoubles({96}, 1)).mean() +
                   (model->Logits(mtp).log_softmax(-1) * RandomDoubles({96}, 2)).mean();
    for (const at::Tensor& term : pass.balance_losses) losses.model = losses.model + term;
    losses.indexers = at::stack(pass.indexer_losses).sum();
    return losses;
  }

  ParameterTable table;
  std::optional<Model> model;
};

// What a parameter is tested together with: "layers.1.attn", "layers.1.indexer", "mtp.0.hc".
std::string GroupOf(const std::string& name) {
  const size_t layer = name.find('.');
  const size_t part = name.find('.', layer + 1);
  if (part == std::string::npos || name.find("weight") < part) return name;
  if (name.find(".indexer.") != std::string::npos) return name.substr(0, part) + ".indexer";
  return name.substr(0, name.find_first_of("._", part + 1));
}

class ModelGradient : public ::testing::TestWithParam<Selection> {};

// The slope along a random direction of each group. Choices of experts and rows are constant
// nearby, but for measure zero.
TEST_P(ModelGradient, AgreesWithSlopes) {
  DoubleModel test;
  const DoubleModel::Losses losses = test.Compute(GetParam());
  (losses.model + losses.indexers).backward();
  std::map<std::string, std::vector<const Parameter*>> groups;
  for (const Parameter& p : test.table.parameters())
    if (p.value.grad().defined())
      groups[GroupOf(p.name)].push_back(&p);
    else
      EXPECT_THAT(p.name, ::testing::EndsWith("gate.bias"));
  at::NoGradGuard no_grad;
  for (const auto& [group, parameters] : groups) {
    double gradient = 0;
    const auto move = [&](double step) {
      gradient = 0;
      uint64_t seed = 1;
      for (const Parameter* p : parameters) {
        const at::Tensor direction = RandomDoubles(p->value.sizes(), ++seed);
        gradient += (p->value.grad() * direction).sum().item<double>();
        p->value.data().add_(direction, step);
      }
    };
    constexpr double kStep = 1e-6;
    move(kStep);
    const double above = test.Compute(GetParam()).Of(group).item<double>();
    move(-2 * kStep);
    const double below = test.Compute(GetParam()).Of(group).item<double>();
    move(kStep);
    const double slope = (above - below) / (2 * kStep);
    EXPECT_NEAR(gradient, slope, 1e-4 * (1e-2 + std::abs(slope))) << group;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ModelGradient,
                         ::testing::Values(Selection::kAll, Selection::kIndexed));

}  // namespace
}  // namespace fathom::train
