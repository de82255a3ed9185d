#include "train/optimizer.h"

#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <cmath>

#include "train/loss.h"
#include "train/moe.h"
#include "train/tiny_model_testing.h"

namespace fathom::train {
namespace {

at::Tensor Random(at::IntArrayRef shape, uint64_t seed) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return at::normal(0, 1, shape, generator);
}

// The paper's steps bring singular values between 0.7 and 1.2, whatever they were.
TEST(Muon, OrthogonalizesWideAndTallMatrices) {
  for (const auto& shape : {std::vector<int64_t>{3, 24, 40}, std::vector<int64_t>{2, 40, 24}}) {
    const at::Tensor x = Orthogonalize(Random(shape, 1) * 1e-3);
    const at::Tensor values = at::linalg_svdvals(x);
    EXPECT_GT(values.min().item<double>(), 0.7);
    EXPECT_LT(values.max().item<double>(), 1.2);
  }
  EXPECT_TRUE(Orthogonalize(at::zeros({1, 4, 4})).equal(at::zeros({1, 4, 4})));
}

// The directions are the matrix's own: U V^T.
TEST(Muon, KeepsSingularVectors) {
  const at::Tensor x = Random({1, 16, 16}, 2);
  const auto [u, s, vh] = at::linalg_svd(x, false);
  const at::Tensor expected = at::matmul(u, vh);
  const at::Tensor actual = Orthogonalize(x);
  EXPECT_GT((expected * actual).sum().item<double>() / 16, 0.9);
}

TEST(Muon, MovesByTheStatedRootMeanSquare) {
  at::Tensor value = at::zeros({4, 32, 64}).requires_grad_(true);
  Muon muon({{"m", value, model::TensorKind::kMatrix, {}, {}}});
  (value * Random({4, 32, 64}, 3)).sum().backward();
  base::ThreadPool pool(2);
  muon.Step(0.5, pool);
  EXPECT_NEAR(value.detach().square().mean().sqrt().item<double>(), 0.5 * 0.18, 0.02);
  EXPECT_FALSE(value.grad().defined());
}

TEST(Adamw, FollowsItsFormula) {
  at::Tensor value = at::ones({2, 2}).requires_grad_(true);
  Adamw adamw({{"w", value, model::TensorKind::kMatrix, {}, {}}}, {.max_norm = 1e9});
  double w = 1, m = 0, v = 0;
  for (int step = 1; step <= 3; ++step) {
    const double g = step * 0.5;
    (value * g).sum().backward();
    adamw.Step(0.1);
    m = 0.9 * m + 0.1 * g;
    v = 0.95 * v + 0.05 * g * g;
    w -= 0.1 * 0.1 * w;
    w -= 0.1 * (m / (1 - std::pow(0.9, step))) / std::sqrt(v / (1 - std::pow(0.95, step)));
    EXPECT_NEAR(value[0][1].item<double>(), w, 1e-6);
  }
}

TEST(Router, BiasMovesTowardsBalance) {
  const at::Tensor bias = at::zeros({3});
  UpdateBias(bias, at::tensor({1.0f, 3.0f, 2.0f}), 0.001);
  EXPECT_TRUE(bias.equal(at::tensor({0.001f, -0.001f, 0.0f})));
}

// Each parameter but the routers' biases is moved by exactly one of the two.
TEST(Optimizer, MovesEverythingOnce) {
  const ParameterTable table(TinyConfig());
  InitializeParameters(table, 1);
  Optimizer optimizer(table);
  std::vector<at::Tensor> before;
  for (const Parameter& p : table.parameters()) {
    at::Tensor value = p.value;
    value.mutable_grad() = at::ones(value.sizes());
    before.push_back(value.clone());
  }
  base::ThreadPool pool(1);
  optimizer.Step({.muon = 0.1, .adamw = 0.1}, pool);
  for (size_t i = 0; i < before.size(); ++i) {
    const Parameter& p = table.parameters()[i];
    const bool is_bias = p.name.find("gate.bias") != std::string::npos;
    EXPECT_EQ(p.value.equal(before[i]), is_bias) << p.name;
  }
}

// A batch that is seen again and again is learnt, with everything rounded as in the engine.
TEST(Optimizer, LearnsABatch) {
  const ParameterTable table(TinyConfig());
  InitializeParameters(table, 1);
  for (const Parameter& p : table.parameters()) {
    at::Tensor value = p.value;
    value.requires_grad_(p.name.find("gate.bias") == std::string::npos);
  }
  const Model model(table);
  Optimizer optimizer(table);
  constexpr int64_t kLength = 32;
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(1);
  const Batch batch = {at::randint(2, 96, {2, kLength + 1}, generator, at::kLong),
                       at::ones({2, kLength + 1}), at::arange(kLength).expand({2, -1})};
  base::ThreadPool pool(1);
  double first = 0, last = 0;
  for (int step = 0; step < 8; ++step) {
    Pass pass = model.Begin(batch.tokens.slice(1, 0, kLength), batch.positions,
                            {.rounding = kEveryRounding, .with_losses = true});
    const Loss loss = ComputeLoss(model, batch, {}, pass);
    loss.total.backward();
    optimizer.Step({.muon = 0.03, .adamw = 0.01}, pool);
    (step == 0 ? first : last) = loss.values.next_token;
  }
  EXPECT_GT(first, 4);
  EXPECT_LT(last, 0.5 * first);
}

}  // namespace
}  // namespace fathom::train
