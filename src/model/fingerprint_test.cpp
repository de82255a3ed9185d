#include "model/fingerprint.h"

#include <gtest/gtest.h>

#include <functional>

namespace fathom::model {
namespace {

const std::string kNano = std::string(FATHOM_SOURCE_DIR) + "/tests/goldens/nano-flash";

base::Digest Compute(const ModelConfig& config) {
  auto digest = ComputeFingerprint(config, kNano);
  EXPECT_TRUE(digest.ok());
  return *digest;
}

TEST(Fingerprint, CoversWhatDecidesTheResults) {
  const auto config = LoadConfig(kNano);
  ASSERT_TRUE(config.ok());
  const base::Digest digest = Compute(*config);
  EXPECT_EQ(Compute(*config), digest);
  const std::function<void(ModelConfig&)> changes[] = {
      [](ModelConfig& c) { c.index_topk += 1; },
      [](ModelConfig& c) { c.sliding_window += 1; },
      [](ModelConfig& c) { c.num_experts_per_tok -= 1; },
      [](ModelConfig& c) { c.hc_sinkhorn_iters += 1; },
      [](ModelConfig& c) { c.routed_scaling_factor *= 1.0000001f; },
      [](ModelConfig& c) { c.rms_norm_eps = 2e-6f; },
      [](ModelConfig& c) { c.swiglu_limit = 9; },
      [](ModelConfig& c) { c.layers[2].rope.theta += 1e-9 * c.layers[2].rope.theta; },
      [](ModelConfig& c) { c.layers[4].rope.yarn = !c.layers[4].rope.yarn; },
      [](ModelConfig& c) { c.layers[3].router = RouterKind::kHash; },
  };
  int number = 0;
  for (const auto& change : changes) {
    ModelConfig other = *config;
    change(other);
    EXPECT_NE(Compute(other), digest) << number++;
  }
  ModelConfig longer = *config;
  longer.max_position_embeddings *= 2;
  longer.eos_token_id = 7;
  EXPECT_EQ(Compute(longer), digest);
}

TEST(Fingerprint, NeedsACheckpoint) { EXPECT_FALSE(ComputeFingerprint({}, "/nonexistent").ok()); }

}  // namespace
}  // namespace fathom::model
