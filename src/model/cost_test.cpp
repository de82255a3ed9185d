#include "model/cost.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "model/presets.h"

namespace fathom::model {
namespace {

constexpr int64_t kMillion = 1'000'000;

ModelConfig Preset(const std::string& name) {
  return ParseConfig(PresetConfig(name).value(), name).value();
}

double PerToken(int64_t bytes) { return static_cast<double>(bytes) / kMillion; }

/// What grows with the context.
int64_t GrowingBytes(const kv::CacheBytes& bytes) {
  return bytes.csa_rows + bytes.hca_rows + bytes.index_keys;
}

// The published figures: 27 % and 10 % of V3.2's operations at a million tokens, 10 % and 7 % of
// its cache, 2 % of grouped-query attention's.
TEST(Cost, ReproducesThePublishedShares) {
  const double v32 = CountV32TokenFlops(kMillion).total().equivalent_fp8();
  EXPECT_NEAR(v32, 1.1481e12, 0.00005e12);
  const ModelConfig pro = Preset("pro");
  const ModelConfig flash = Preset("flash");
  const double pro_flops = CountTokenFlops(pro, kMillion).total().equivalent_fp8();
  const double flash_flops = CountTokenFlops(flash, kMillion).total().equivalent_fp8();
  EXPECT_NEAR(pro_flops, 0.3106e12, 0.00005e12);
  EXPECT_NEAR(flash_flops, 0.1167e12, 0.00005e12);
  EXPECT_NEAR(100 * pro_flops / v32, 27.05, 0.005);
  EXPECT_NEAR(100 * flash_flops / v32, 10.17, 0.005);

  const int64_t pro_bytes = GrowingBytes(CountKvBytes(pro, kMillion));
  const int64_t flash_bytes = GrowingBytes(CountKvBytes(flash, kMillion));
  EXPECT_NEAR(PerToken(pro_bytes), 5031.4, 0.05);
  EXPECT_NEAR(PerToken(flash_bytes), 3514.2, 0.05);
  EXPECT_EQ(PerToken(CountV32KvBytes(kMillion)), 48068);
  EXPECT_NEAR(100 * PerToken(pro_bytes) / 48068, 10.5, 0.05);
  EXPECT_NEAR(100 * PerToken(flash_bytes) / 48068, 7.3, 0.05);
  EXPECT_EQ(PerToken(CountGqa8KvBytes(pro, kMillion)), 249856);
  EXPECT_EQ(PerToken(CountGqa8KvBytes(flash, kMillion)), 176128);
  EXPECT_NEAR(100 * PerToken(pro_bytes) / 249856, 2.01, 0.005);
  EXPECT_NEAR(100 * PerToken(flash_bytes) / 176128, 2.00, 0.005);
}

TEST(Cost, CountsTheWindowIntoThePublishedRatios) {
  for (const auto& [name, ratio] : {std::pair("pro", 9.54), std::pair("flash", 13.67)}) {
    const kv::CacheBytes bytes = CountKvBytes(Preset(name), kMillion);
    const double v32 = static_cast<double>(CountV32KvBytes(kMillion));
    EXPECT_NEAR(v32 / static_cast<double>(GrowingBytes(bytes) + bytes.window), ratio, 0.005);
  }
}

struct FlopsRow {
  int64_t k_tokens;
  double v32, pro, flash;  ///< 1e9 operations, in FP8 units
};

TEST(Cost, GrowsWithTheContext) {
  constexpr FlopsRow kRows[] = {{1, 114.9, 110.3, 31.4},     {4, 152.8, 122.9, 33.1},
                                {32, 181.5, 128.3, 35.5},    {128, 279.7, 146.9, 43.8},
                                {256, 410.7, 171.6, 54.8},   {512, 672.7, 221.0, 76.8},
                                {1024, 1196.7, 319.7, 120.8}};
  const ModelConfig pro = Preset("pro");
  const ModelConfig flash = Preset("flash");
  for (const FlopsRow& row : kRows) {
    SCOPED_TRACE(row.k_tokens);
    const int64_t tokens = row.k_tokens * 1024;
    EXPECT_NEAR(CountV32TokenFlops(tokens).total().equivalent_fp8() / 1e9, row.v32, 0.05);
    EXPECT_NEAR(CountTokenFlops(pro, tokens).total().equivalent_fp8() / 1e9, row.pro, 0.05);
    EXPECT_NEAR(CountTokenFlops(flash, tokens).total().equivalent_fp8() / 1e9, row.flash, 0.05);
  }
}

struct PartsRow {
  const char* preset;
  int64_t k_tokens;
  double core, scores;                  ///< 1e9 multiply-adds
  double index_keys, hca, csa, window;  ///< 1e6 bytes read for a token
  double resident;                      ///< 1e9 bytes that the sequence keeps
  double tolerance;                     ///< of the bytes read: half of the last digit printed
};

TEST(Cost, SplitsATokensWork) {
  constexpr PartsRow kRows[] = {
      {"flash", 32, 1.40, 1.41, 11.7, 3.0, 6.3, 3.2, 0.13, 0.05},
      {"flash", 128, 2.41, 5.64, 47, 12, 6, 3, 0.48, 0.5},
      {"flash", 1024, 11.8, 45.1, 374, 96, 6, 3, 3.70, 0.5},
      {"pro", 32, 6.09, 2.01, 16.7, 4.6, 17.9, 4.6, 0.19, 0.05},
      {"pro", 128, 9.21, 8.05, 67, 18.5, 18, 5, 0.68, 0.5},
      {"pro", 1024, 38.3, 64.4, 535, 148, 18, 5, 5.30, 0.5},
  };
  for (const PartsRow& row : kRows) {
    SCOPED_TRACE(fmt::format("{} at {}K", row.preset, row.k_tokens));
    const ModelConfig config = Preset(row.preset);
    const int64_t tokens = row.k_tokens * 1024;
    const TokenFlops flops = CountTokenFlops(config, tokens);
    EXPECT_NEAR(flops.core_attention.raw() / 2e9, row.core, row.k_tokens == 1024 ? 0.05 : 0.005);
    EXPECT_NEAR(flops.indexer.fp4 / 2e9, row.scores, row.k_tokens == 1024 ? 0.05 : 0.005);
    const double matrices = flops.total().raw() - flops.core_attention.raw() - flops.indexer.fp4;
    EXPECT_NEAR(matrices / 2e9, config.hidden_size == 4096 ? 13.27 : 48.85, 0.005);

    const kv::CacheBytes read = CountKvBytesRead(config, tokens);
    EXPECT_NEAR(static_cast<double>(read.index_keys) / 1e6, row.index_keys, row.tolerance);
    EXPECT_NEAR(static_cast<double>(read.hca_rows) / 1e6, row.hca, row.tolerance);
    EXPECT_NEAR(static_cast<double>(read.csa_rows) / 1e6, row.csa, row.tolerance);
    EXPECT_NEAR(static_cast<double>(read.window) / 1e6, row.window, row.tolerance);
    EXPECT_EQ(read.compressor_state, 0);
    const int64_t resident = CountKvBytes(config, tokens).total();
    EXPECT_NEAR(static_cast<double>(resident) / 1e9, row.resident, 0.005);
  }
}

TEST(Cost, ASequenceKeepsAFixedState) {
  const kv::CacheBytes pro = CountKvBytes(Preset("pro"), kMillion);
  const kv::CacheBytes flash = CountKvBytes(Preset("flash"), kMillion);
  EXPECT_NEAR(static_cast<double>(pro.window) / 1e6, 4.56, 0.005);
  EXPECT_NEAR(static_cast<double>(flash.window) / 1e6, 3.21, 0.005);
  EXPECT_NEAR(static_cast<double>(pro.compressor_state) / 1e6, 18.7, 0.05);
  EXPECT_NEAR(static_cast<double>(flash.compressor_state) / 1e6, 12.2, 0.05);
  EXPECT_EQ(pro.total(), GrowingBytes(pro) + pro.window + pro.compressor_state);
}

TEST(Cost, RowsAppearWhenTheirBlockIsComplete) {
  const ModelConfig flash = Preset("flash");
  EXPECT_EQ(GrowingBytes(CountKvBytes(flash, 3)), 0);
  EXPECT_EQ(CountKvBytes(flash, 3).window, 43 * 3 * 584);
  EXPECT_EQ(CountKvBytes(flash, 4).csa_rows, 21 * 584);
  EXPECT_EQ(CountKvBytes(flash, 4).index_keys, 21 * 68);
  EXPECT_EQ(CountKvBytes(flash, 127).hca_rows, 0);
  EXPECT_EQ(CountKvBytes(flash, 128).hca_rows, 20 * 584);
}

TEST(Cost, CountsTheParametersOfThePublishedModels) {
  const ParameterCount pro = CountParameters(Preset("pro"));
  EXPECT_NEAR(static_cast<double>(pro.backbone) / 1e9, 1573.0, 0.05);
  EXPECT_NEAR(static_cast<double>(pro.backbone + pro.mtp) / 1e9, 1598.84, 0.005);
  EXPECT_NEAR(static_cast<double>(pro.active) / 1e9, 48.85, 0.005);
  const ParameterCount flash = CountParameters(Preset("flash"));
  EXPECT_NEAR(static_cast<double>(flash.backbone) / 1e9, 284, 0.5);
  EXPECT_NEAR(static_cast<double>(flash.active) / 1e9, 13.27, 0.005);
}

TEST(Presets, AreThePublishedConfigurations) {
  const ModelConfig flash = Preset("flash");
  EXPECT_EQ(flash.compress_ratios.size(), 44u);
  EXPECT_EQ(std::count(flash.compress_ratios.begin(), flash.compress_ratios.end(), 4), 21);
  EXPECT_EQ(std::count(flash.compress_ratios.begin(), flash.compress_ratios.end(), 128), 20);
  EXPECT_EQ(flash.compress_ratios[42], 4);
  EXPECT_EQ(flash.expert_format, ExpertFormat::kFp4);
  const ModelConfig pro = Preset("pro");
  EXPECT_EQ(pro.compress_ratios.size(), 62u);
  EXPECT_EQ(std::count(pro.compress_ratios.begin(), pro.compress_ratios.end(), 4), 30);
  EXPECT_EQ(std::count(pro.compress_ratios.begin(), pro.compress_ratios.end(), 128), 31);
  EXPECT_EQ(pro.compress_ratios[60], 4);
  EXPECT_EQ(PresetConfig("tiny").error().message,
            "no preset named \"tiny\": there are \"flash\" and \"pro\"");
}

// Flash by hand. A token's experts are 3.45 GB of 11.21 GB.
TEST(Cost, CountsTheWeightBytesOfAToken) {
  const ModelConfig flash = Preset("flash");
  const WeightBytes bytes = CountWeightBytes(flash);
  // Three matrices of half bytes, and a scale for 32 elements.
  constexpr int64_t kExpertElements = 3 * 4096 * 2048;
  EXPECT_EQ(bytes.expert, kExpertElements / 2 + kExpertElements / 32);
  EXPECT_NEAR(static_cast<double>(43 * 6 * bytes.expert) / 1e9, 3.45, 0.005);
  EXPECT_NEAR(static_cast<double>(bytes.total(43 * 6)) / 1e9, 11.21, 0.02);
}

}  // namespace
}  // namespace fathom::model
