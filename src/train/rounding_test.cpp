// The trainer's rounding against the engine's codecs, and checkpoints that are written and read.
#include "train/rounding.h"

#include <gtest/gtest.h>

#include <vector>

#include "numerics/bf16.h"
#include "numerics/block_scale.h"
#include "numerics/e2m1.h"
#include "numerics/e4m3.h"
#include "train/parameters.h"

namespace fathom::train {
namespace {

// Values of many magnitudes, those between two codes among them, and a block of zeros.
at::Tensor MakeValues(int64_t rows, int64_t cols) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(7);
  at::Tensor x = at::normal(0, 1, {rows, cols}, generator) *
                 at::logspace(-5, 3, rows, 10, at::kFloat).unsqueeze(1);
  x[0].slice(0, 0, 128).fill_(0);
  x[1] = at::arange(cols, at::kFloat) / 16;
  return x;
}

float RoundedByEngine(float value, uint8_t scale, bool e4m3) {
  const float s = numerics::Ue8m0ToFloat(scale);
  return e4m3 ? numerics::E4m3ToFloat(numerics::FloatToE4m3(value / s)) * s
              : numerics::E2m1ToFloat(numerics::FloatToE2m1(value / s)) * s;
}

void ExpectBlocks(const at::Tensor& x, const at::Tensor& rounded, int64_t block, bool e4m3) {
  const float* in = x.data_ptr<float>();
  const float* out = rounded.data_ptr<float>();
  for (int64_t i = 0; i < x.numel(); i += block) {
    float amax = 0;
    for (int64_t j = i; j < i + block; ++j) amax = std::max(amax, std::fabs(in[j]));
    const uint8_t scale = e4m3 ? numerics::E4m3BlockScale(amax) : numerics::E2m1BlockScale(amax);
    for (int64_t j = i; j < i + block; ++j)
      ASSERT_EQ(out[j], RoundedByEngine(in[j], scale, e4m3)) << "element " << j << ": " << in[j];
  }
}

TEST(Rounding, AgreesWithTheCodecs) {
  const at::Tensor x = MakeValues(40, 256);
  ExpectBlocks(x, RoundInput(x), numerics::kLinearBlock, true);
  ExpectBlocks(x, RoundIndexVector(x), numerics::kFp4Block, false);
  ExpectBlocks(x, RoundE2m1Weight(x), numerics::kFp4Block, false);
}

TEST(Rounding, RowsKeepTheirRopePartInBf16) {
  const at::Tensor x = MakeValues(20, 192);
  const at::Tensor rounded = RoundRow(x, 64);
  ExpectBlocks(x.slice(1, 0, 128).contiguous(), rounded.slice(1, 0, 128).contiguous(),
               numerics::kRowBlock, true);
  for (int64_t row = 0; row < 20; ++row)
    for (int64_t i = 128; i < 192; ++i)
      ASSERT_EQ(rounded[row][i].item<float>(),
                numerics::Bf16ToFloat(numerics::FloatToBf16(x[row][i].item<float>())));
}

TEST(Rounding, TilesShareAScale) {
  const at::Tensor x = MakeValues(130, 256);
  const at::Tensor rounded = RoundE4m3Weight(x);
  for (int64_t r = 0; r < 130; r += 128) {
    for (int64_t c = 0; c < 256; c += 128) {
      const at::Tensor tile = x.slice(0, r, r + 128).slice(1, c, c + 128).contiguous();
      const float amax = tile.abs().max().item<float>();
      const uint8_t scale = numerics::CeilToUe8m0(amax * (1 / 448.0f));
      for (int64_t i = 0; i < tile.size(0); ++i)
        for (int64_t j = 0; j < 128; ++j)
          ASSERT_EQ(rounded[r + i][c + j].item<float>(),
                    RoundedByEngine(x[r + i][c + j].item<float>(), scale, true));
    }
  }
}

TEST(Rounding, PassesGradientsThrough) {
  at::Tensor x = MakeValues(4, 128).requires_grad_(true);
  (RoundInput(x) * at::arange(128)).sum().backward();
  EXPECT_TRUE(x.grad().equal(at::arange(128, at::kFloat).expand({4, -1})));
}

TEST(Rounding, HadamardIsItsOwnInverse) {
  const at::Tensor x = MakeValues(8, 64);
  EXPECT_TRUE(RotateHadamard(RotateHadamard(x)).allclose(x, 1e-4, 1e-4));
}

}  // namespace
}  // namespace fathom::train
