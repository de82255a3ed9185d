// Single operations against vectors of an independent implementation, on every tier that runs here:
// codes and what they decode to exactly, sums within bounds that follow from their length.
#include <algorithm>
#include <numeric>

#include "golden_file.h"
#include "kernels/dispatch.h"
#include "model/hyper_connection.h"
#include "model/rope.h"
#include "numerics/bf16.h"
#include "numerics/block_scale.h"
#include "numerics/e2m1.h"
#include "numerics/e4m3.h"

namespace fathom::tests {
namespace {

constexpr float kEpsilon = 0x1p-24f;  // half a unit in the last place of float32, relative

class OpGoldens : public testing::TestWithParam<const kernels::KernelTable*> {
 protected:
  const kernels::KernelTable& kernels() const { return *GetParam(); }
  const GoldenFile golden_{SourcePath("tests/goldens/ops.safetensors")};
};

TEST_P(OpGoldens, ActivationQuantisation) {
  const auto input = golden_.Get<float>("act_quant.input");
  const auto output = golden_.Get<float>("act_quant.128.output");
  const int64_t rows = golden_.ShapeOf("act_quant.input")[0];
  const int64_t cols = golden_.ShapeOf("act_quant.input")[1];
  // The quantised row has its tier's own order: a product with the identity reads it in ours.
  std::vector<std::byte> code(kernels().activation_bytes(cols));
  std::vector<uint8_t> identity(static_cast<size_t>(cols * cols));
  for (int64_t i = 0; i < cols; ++i)
    identity[static_cast<size_t>(i * cols + i)] = numerics::FloatToE4m3(1);
  const std::vector<uint8_t> ones(static_cast<size_t>(cols / 128 * cols / 128), 127);
  const tensor::WeightMatrix weights{tensor::WeightFormat::kE4m3, cols, cols,
                                     reinterpret_cast<const std::byte*>(identity.data()),
                                     ones.data()};
  tensor::Matrix<std::byte> scratch(1, static_cast<int64_t>(kernels().matmul_scratch_bytes(cols)));
  std::vector<float> decoded(static_cast<size_t>(cols));
  for (int64_t r = 0; r < rows; ++r) {
    kernels().quantize_activations(&input[static_cast<size_t>(r * cols)], cols,
                                   tensor::WeightFormat::kE4m3, code.data());
    kernels().matmul_quantized({.weights = weights,
                                .row_begin = 0,
                                .row_end = cols,
                                .x = code.data(),
                                .x_stride = static_cast<int64_t>(code.size()),
                                .tokens = 1,
                                .out = decoded.data(),
                                .out_stride = cols,
                                .scratch = scratch.data()});
    for (int64_t c = 0; c < cols; ++c)
      ASSERT_EQ(decoded[static_cast<size_t>(c)], output[static_cast<size_t>(r * cols + c)])
          << r << "," << c;
  }
}

TEST_P(OpGoldens, RowQuantisation) {
  const auto input = golden_.Get<float>("act_quant.input");
  const auto codes = golden_.Get<uint8_t>("act_quant.64.codes_e4m3");
  const auto scales = golden_.Get<uint8_t>("act_quant.64.scale_ue8m0");
  const auto output = golden_.Get<float>("act_quant.64.output");
  const int64_t rows = golden_.ShapeOf("act_quant.input")[0];
  const int64_t cols = golden_.ShapeOf("act_quant.input")[1];
  const numerics::RowLayout layout{cols + 16, 16};
  std::vector<float> row(static_cast<size_t>(layout.head_dim));
  const numerics::TileLayout tile{layout.head_dim};
  std::vector<std::byte> expanded(static_cast<size_t>(tile.row_bytes()));
  std::vector<std::byte> packed(static_cast<size_t>(layout.row_bytes()));
  for (int64_t r = 0; r < rows; ++r) {
    std::copy_n(&input[static_cast<size_t>(r * cols)], cols, row.begin());
    std::iota(row.begin() + cols, row.end(), 0.1f);
    kernels().pack_row(row.data(), layout, packed.data());
    EXPECT_TRUE(
        std::equal(packed.begin(), packed.begin() + cols,
                   reinterpret_cast<const std::byte*>(&codes[static_cast<size_t>(r * cols)])));
    EXPECT_TRUE(std::equal(
        packed.begin() + cols, packed.begin() + cols + layout.scale_count(),
        reinterpret_cast<const std::byte*>(&scales[static_cast<size_t>(r * cols / 64)])));
    const std::byte* place = packed.data();
    kernels().expand_rows(&place, 1, layout, expanded.data());
    for (int64_t d = 0; d < layout.head_dim; ++d) {
      uint16_t bits;
      std::memcpy(&bits, &expanded[static_cast<size_t>(tile.offset(d))], sizeof bits);
      // The RoPE dimensions are rounded to BF16, the others stored as they were quantised.
      const float want =
          d < cols ? output[static_cast<size_t>(r * cols + d)]
                   : numerics::Bf16ToFloat(numerics::FloatToBf16(row[static_cast<size_t>(d)]));
      ASSERT_EQ(numerics::Bf16ToFloat(bits), want);
    }
  }
}

TEST_P(OpGoldens, Fp4Quantisation) {
  const auto input = golden_.Get<float>("fp4_quant.input");
  const auto output = golden_.Get<float>("fp4_quant.output");
  std::vector<uint8_t> codes(input.size());
  std::vector<uint8_t> scales(input.size() / 32);
  kernels().quantize_e2m1(input.data(), static_cast<int64_t>(input.size()), codes.data(),
                          scales.data());
  for (size_t i = 0; i < input.size(); ++i)
    ASSERT_EQ(numerics::E2m1ToFloat(codes[i]) * numerics::Ue8m0ToFloat(scales[i / 32]), output[i]);
}

TEST_P(OpGoldens, Hadamard) {
  auto values = golden_.Get<float>("hadamard.input");
  const auto output = golden_.Get<float>("hadamard.output");
  const int64_t n = golden_.ShapeOf("hadamard.input")[1];
  for (size_t row = 0; row < values.size(); row += static_cast<size_t>(n)) {
    float norm = 0;
    for (int64_t i = 0; i < n; ++i) norm += std::fabs(values[row + static_cast<size_t>(i)]);
    kernels().hadamard(&values[row], n);
    // Seven additions and a product, on values of at most the sum of magnitudes over sqrt(n).
    const float bound = 8 * kEpsilon * norm / std::sqrt(static_cast<float>(n));
    for (size_t i = row; i < row + static_cast<size_t>(n); ++i)
      ASSERT_NEAR(values[i], output[i], bound);
  }
}

TEST_P(OpGoldens, RopeWithAndWithoutYarn) {
  const auto positions = golden_.Get<int32_t>("rope.positions");
  for (const std::string model : {"nano-flash", "nano-pro"}) {
    const auto config = model::LoadConfig(SourcePath("tests/goldens/" + model));
    ASSERT_TRUE(config.ok());
    for (const int ratio : {0, 4}) {
      const auto plan = std::find_if(
          config->layers.begin(), config->layers.end(),
          [&](const model::LayerPlan& layer) { return layer.compress_ratio == ratio; });
      const model::Rope rope(plan->rope, 64);
      const std::string name = fmt::format("rope.{}.ratio{}", model, ratio);
      const auto angles = golden_.Get<float>(name + ".angle");
      auto values = golden_.Get<float>(name + ".input");
      const auto output = golden_.Get<float>(name + ".output");
      for (size_t p = 0; p < positions.size(); ++p) {
        for (size_t i = 0; i < 32; ++i)
          ASSERT_EQ(static_cast<float>(positions[p]) * rope.frequencies()[i], angles[p * 32 + i])
              << name << " position " << positions[p] << " pair " << i;
        float cosines[32];
        float sines[32];
        rope.Rotation(positions[p], cosines, sines);
        kernels().rotate(&values[p * 128], 2, 64, cosines, sines, 32);
      }
      for (size_t i = 0; i < values.size(); ++i)
        ASSERT_NEAR(values[i], output[i], 8 * kEpsilon * (1 + std::fabs(output[i]))) << name;
    }
  }
}

TEST_P(OpGoldens, HyperConnection) {
  const auto config = model::LoadConfig(SourcePath("tests/goldens/nano-flash"));
  ASSERT_TRUE(config.ok());
  const auto fn = golden_.Get<float>("hc.fn");
  const auto base = golden_.Get<float>("hc.base");
  const auto scale = golden_.Get<float>("hc.scale");
  auto streams = golden_.Get<float>("hc.streams");
  const auto y = golden_.Get<float>("hc.sublayer_output");
  const auto tokens = static_cast<size_t>(golden_.ShapeOf("hc.streams")[0]);

  base::ThreadPool pool(2);
  ops::Context context(kernels(), pool, kernels().matmul_scratch_bytes(512));
  model::Activations activations(*config, kernels(), 2, 8);
  kv::SequenceCache cache({}, 0);
  const std::vector<int32_t> ids(tokens, 0);
  model::Batch batch(8, 64);
  const model::Slice slice{&cache, ids};
  batch.Assign({&slice, 1}, 0);
  const model::Rope rope({}, 64);
  model::MappedExperts experts{{}};
  model::Pass pass{*config, context, activations, batch, rope, experts};
  const model::HyperConnectionWeights weights{
      {tensor::WeightFormat::kF32, 24, 512, reinterpret_cast<const std::byte*>(fn.data()), nullptr},
      base.data(),
      scale.data()};
  model::EnterSublayer(pass, weights, nullptr, streams.data(), activations.x.data());

  const auto input = golden_.Get<float>("hc.input_to_sublayer");
  for (size_t t = 0; t < tokens; ++t) {
    // The vectors hold the weighted sum before its normalisation.
    const float inverse = kernels().inverse_rms(&input[t * 128], config->rms_norm_eps, 128);
    for (size_t d = 0; d < 128; ++d)
      ASSERT_NEAR(activations.x.row(static_cast<int64_t>(t))[d], input[t * 128 + d] * inverse,
                  1e-5);
  }
  const auto post = golden_.Get<float>("hc.post");
  const auto combine = golden_.Get<float>("hc.combine");
  for (size_t i = 0; i < post.size(); ++i)
    ASSERT_NEAR(activations.hc.post.data()[i], post[i], 2e-6);
  for (size_t i = 0; i < combine.size(); ++i)
    ASSERT_NEAR(activations.hc.combine.data()[i], combine[i], 2e-6);
  model::LeaveSublayer(pass, y.data(), streams.data());
  const auto after = golden_.Get<float>("hc.streams_after");
  for (size_t i = 0; i < after.size(); ++i)
    ASSERT_NEAR(streams[i], after[i], 1e-5 * (1 + std::fabs(after[i])));
}

INSTANTIATE_TEST_SUITE_P(Tiers, OpGoldens,
                         testing::ValuesIn(kernels::SupportedKernels().begin(),
                                           kernels::SupportedKernels().end()),
                         [](const auto& tier) { return std::string(tier.param->name); });

}  // namespace
}  // namespace fathom::tests
