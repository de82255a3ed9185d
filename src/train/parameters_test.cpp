#include "train/parameters.h"

#include <gtest/gtest.h>

#include "train/tiny_model_testing.h"

namespace fathom::train {
namespace {

// Between the query of each of `asking` and the row that the token beside it in `tokens` makes.
at::Tensor Cosines(const ParameterTable& table, const model::AttentionWeights& weights,
                   int64_t head, const at::Tensor& asking, const at::Tensor& tokens) {
  const int64_t dim = table.config().head_dim;
  const auto of = [&](const auto& matrix) { return table.Of(matrix).value; };
  const at::Tensor queries =
      asking.matmul(of(weights.wq_a).t())
          .matmul(of(weights.wq_b).slice(0, head * dim, (head + 1) * dim).t());
  const at::Tensor rows = tokens.matmul(of(weights.compressor.wkv).slice(0, 0, dim).t());
  return at::cosine_similarity(queries, rows, 1);
}

TEST(Parameters, HalfOfTheHeadsAskForWhatIsAlike) {
  const ParameterTable table(TinyConfig());
  InitializeParameters(table, 1);
  const at::Tensor tokens =
      at::randn({64, table.config().hidden_size}, at::make_generator<at::CPUGeneratorImpl>(2));
  const at::Tensor others = tokens.roll(1, 0);
  int64_t layers = 0;
  for (size_t i = 0; i < table.skeleton().layers.size(); ++i) {
    if (table.config().layers[i].compress_ratio == 0) continue;
    ++layers;
    const model::AttentionWeights& weights = table.skeleton().layers[i].attn;
    EXPECT_GT(Cosines(table, weights, 0, tokens, tokens).min().item<double>(), 0.3);
    EXPECT_LT(Cosines(table, weights, 0, tokens, others).abs().mean().item<double>(), 0.15);
    EXPECT_LT(Cosines(table, weights, 1, tokens, tokens).abs().mean().item<double>(), 0.15);
  }
  EXPECT_EQ(layers, 2);
}

}  // namespace
}  // namespace fathom::train
