// avx2 and avx512 share one text and one order of additions: their results have the same bits.
#include "kernels/kernels_testing.h"

namespace fathom::kernels {
namespace {

class TwinTiersTest : public RandomTest {
 protected:
  void SetUp() override {
    for (const char* name : {"avx2", "avx512"}) {
      if (!FindKernels(name).ok()) GTEST_SKIP() << "this CPU cannot run " << name;
      twins_.push_back(FindKernels(name).value());
    }
  }
  std::vector<const KernelTable*> twins_;
};

TEST_F(TwinTiersTest, MatmulsHaveTheSameBits) {
  using tensor::WeightFormat;
  constexpr int64_t kRows = 9, kCols = 1280, kTokens = 7;
  const std::vector<float> x = RandomFloats(kTokens * kCols);
  for (WeightFormat format :
       {WeightFormat::kF32, WeightFormat::kBf16, WeightFormat::kE4m3, WeightFormat::kE2m1}) {
    // Bytes without the bit pattern of a NaN of any format.
    std::vector<std::byte> weights(kRows * kCols * sizeof(float));
    for (std::byte& byte : weights) byte = static_cast<std::byte>(RandomInt(0, 255) & 0xBE);
    const std::vector<uint8_t> scales(kRows * kCols / 32, 125);
    for (int64_t tokens : {int64_t{1}, kTokens}) {
      std::vector<std::vector<float>> results;
      for (const KernelTable* kernels : twins_) {
        alignas(64) static std::byte scratch[1 << 20];
        ASSERT_LE(kernels->matmul_scratch_bytes(kCols), sizeof scratch);
        std::vector<float> out(static_cast<size_t>(kRows * tokens));
        kernels->matmul_float({.weights = {.format = format,
                                           .rows = kRows,
                                           .cols = kCols,
                                           .data = weights.data(),
                                           .scales = scales.data()},
                               .row_begin = 0,
                               .row_end = kRows,
                               .x = reinterpret_cast<const std::byte*>(x.data()),
                               .x_stride = kCols * 4,
                               .tokens = tokens,
                               .out = out.data(),
                               .out_stride = kRows,
                               .scratch = scratch});
        results.push_back(out);
      }
      EXPECT_EQ(Bits(results[0]), Bits(results[1]));
    }
  }
}

TEST_F(TwinTiersTest, VectorKernelsHaveTheSameBits) {
  constexpr int64_t kCount = 1040;
  const std::vector<float> x = RandomFloats(kCount);
  const std::vector<float> y = RandomMagnitudes(kCount, -8, 7);
  std::vector<std::vector<float>> results;
  for (const KernelTable* kernels : twins_) {
    std::vector<float> result(kCount);
    std::vector<float> all;
    const auto keep = [&] { all.insert(all.end(), result.begin(), result.end()); };
    kernels->rms_norm(x.data(), nullptr, 1e-6f, kCount, result.data());
    keep();
    kernels->swiglu(y.data(), x.data(), 10.0f, 0.3f, kCount, result.data());
    keep();
    const float* values[] = {x.data(), y.data()};
    const float* scores[] = {y.data(), x.data()};
    kernels->pool(values, scores, 2, kCount, result.data());
    keep();
    // Five heads of 64 against three rows.
    std::vector<float> max(5, -1.0f), sum(5, 0.5f);
    result.assign(kCount, 0.25f);
    std::vector<float> rows(x.begin() + 320, x.begin() + 320 + 3 * 64);
    const std::vector<std::byte> tile = MakeTile(rows, 64);
    const SoftmaxState softmax = {max.data(), sum.data(), result.data()};
    kernels->attend({.query = x.data(),
                     .heads = 5,
                     .key_dim = 64,
                     .value_dim = 64,
                     .tile = tile.data(),
                     .layout = {64},
                     .count = 3,
                     .scale = 0.125f,
                     .state = softmax});
    keep();
    kernels->finish_attention(softmax, x.data(), 5, 64);
    keep();
    results.push_back(all);
  }
  EXPECT_EQ(Bits(results[0]), Bits(results[1]));
}

}  // namespace
}  // namespace fathom::kernels
