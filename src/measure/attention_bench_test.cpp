#include "measure/attention_bench.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/dispatch.h"
#include "measure/lightning_indexer.h"
#include "model/cost.h"
#include "model/presets.h"
#include "ops/matmul.h"

namespace fathom::measure {
namespace {

using kernels::KernelTable;
using testing::HasSubstr;
using Kind = AttentionLayer::Kind;

const KernelTable& Kernels() { return *kernels::SelectKernels().value(); }

class AttentionBenchTest : public testing::Test {
 protected:
  const ComparedModel& Find(const std::string& name) const {
    for (const ComparedModel& model : models_)
      if (model.name == name) return model;
    ADD_FAILURE() << name;
    return models_.front();
  }

  /// The counts of all layers of a model.
  AttentionRow CountRow(const std::string& name, int64_t tokens) const {
    AttentionRow row;
    for (const auto& [layer, count] : Find(name).layers)
      row.layers.push_back({layer.kind, count, CountWork(layer, tokens), 0});
    return row;
  }

  base::ThreadPool pool_{2};
  const model::ModelConfig flash_ =
      model::ParseConfig(model::PresetConfig("flash").value(), "flash").value();
  const model::ModelConfig pro_ =
      model::ParseConfig(model::PresetConfig("pro").value(), "pro").value();
  const std::vector<ComparedModel> models_ = ListComparedModels(flash_, pro_);
};

TEST_F(AttentionBenchTest, ModelsHaveTheirPublishedLayers) {
  const auto list = [&](const std::string& name) {
    std::vector<std::pair<std::string, int64_t>> layers;
    for (const auto& [layer, count] : Find(name).layers)
      layers.emplace_back(NameOf(layer.kind), count);
    return layers;
  };
  using Layers = std::vector<std::pair<std::string, int64_t>>;
  EXPECT_EQ(list("V4-Flash"), (Layers{{"window", 2}, {"CSA", 21}, {"HCA", 20}}));
  EXPECT_EQ(list("V4-Pro"), (Layers{{"HCA", 31}, {"CSA", 30}}));
  EXPECT_EQ(list("V3.2"), (Layers{{"MLA", 61}}));
  EXPECT_EQ(list("GQA-8 as Flash"), (Layers{{"GQA", 43}}));
  EXPECT_EQ(list("GQA-8 as Pro"), (Layers{{"GQA", 61}}));
}

TEST_F(AttentionBenchTest, CountsAgreeWithTheCostModel) {
  for (const auto& [name, config] : {std::pair{"V4-Flash", &flash_}, {"V4-Pro", &pro_}}) {
    for (const int64_t tokens : {100, 8192, 1'000'000}) {
      const AttentionRow row = CountRow(name, tokens);
      const kv::CacheBytes kept = model::CountKvBytes(*config, tokens);
      EXPECT_EQ(row.cache_bytes(), kept.total() - kept.compressor_state);
    }
    const AttentionRow row = CountRow(name, 1'000'000);
    EXPECT_EQ(row.bytes_read(), model::CountKvBytesRead(*config, 1'000'000).total());
    const model::TokenFlops flops = model::CountTokenFlops(*config, 1'000'000);
    EXPECT_EQ(2 * row.macs(), flops.core_attention.raw() + flops.indexer.fp4);
  }
  for (const auto& [name, config] : {std::pair{"GQA-8 as Flash", &flash_}, {"GQA-8 as Pro", &pro_}})
    EXPECT_EQ(CountRow(name, 1000).cache_bytes(), model::CountGqa8KvBytes(*config, 1000));

  const AttentionRow v32 = CountRow("V3.2", 1'000'000);
  EXPECT_NEAR(static_cast<double>(v32.cache_bytes()),
              static_cast<double>(model::CountV32KvBytes(1'000'000)), 0.02 * 48e9);
  const model::TokenFlops more = model::CountV32TokenFlops(1'000'000);
  const model::TokenFlops less = model::CountV32TokenFlops(0);
  EXPECT_EQ(2 * v32.macs(), more.total().raw() - less.total().raw());
}

TEST_F(AttentionBenchTest, MeasuresEveryKindBelowAndAboveItsSelection) {
  for (const int64_t tokens : {1, 700, 9000}) {
    for (const ComparedModel& model : models_) {
      SCOPED_TRACE(model.name + " at " + std::to_string(tokens));
      const auto row = MeasureAttention(
          {.kernels = Kernels(), .pool = pool_, .least_seconds = 0, .other_bytes = 1 << 20}, model,
          tokens);
      ASSERT_TRUE(row.ok()) << row.error().message;
      EXPECT_EQ(row->skipped, "");
      double sum = 0;
      for (const MeasuredLayer& layer : row->layers) {
        EXPECT_GT(layer.seconds, 0);
        sum += static_cast<double>(layer.count) * layer.seconds;
      }
      EXPECT_DOUBLE_EQ(row->seconds(), sum);
    }
  }
}

TEST_F(AttentionBenchTest, SkipsLayersThatDoNotFit) {
  const auto row = MeasureAttention({Kernels(), pool_}, Find("GQA-8 as Pro"), 1'000'000'000);
  ASSERT_TRUE(row.ok());
  EXPECT_THAT(row->skipped, HasSubstr("a layer needs 4608.5 GB of memory"));
  EXPECT_EQ(row->cache_bytes(), model::CountGqa8KvBytes(pro_, 1'000'000'000));
}

// Kernels with a fault each: what they compute must not pass for a measurement.
struct Fault {
  const char* name;
  Kind kind;
  void (*inject)(KernelTable&);
  const char* error;
};

constexpr auto kBreakAttend = [](KernelTable& kernels) {
  kernels.attend = [](const kernels::AttendArgs& args) noexcept {
    Kernels().attend(args);
    for (int64_t i = 0; i < args.heads * args.value_dim; ++i) args.state.out[i] *= 1.01f;
  };
};
constexpr auto kBreakScores = [](KernelTable& kernels) {
  kernels.index_scores = [](const kernels::IndexScoreArgs& args) noexcept {
    Kernels().index_scores(args);
    for (int64_t i = 0; i < args.tiles * kernels::kIndexTile; ++i) args.scores[i] *= -1;
  };
};
constexpr auto kBreakMatmul = [](KernelTable& kernels) {
  kernels.matmul_quantized = [](const kernels::MatmulArgs& args) noexcept {
    Kernels().matmul_quantized(args);
    for (int64_t i = 0; i < args.row_end - args.row_begin; i += 2) args.out[i] *= -1;
  };
};

class AttentionFaultTest : public AttentionBenchTest, public testing::WithParamInterface<Fault> {};

TEST_P(AttentionFaultTest, IsFound) {
  const Fault& fault = GetParam();
  KernelTable broken = Kernels();
  fault.inject(broken);
  int found = 0;
  for (const ComparedModel& model : models_) {
    for (const auto& [layer, count] : model.layers) {
      if (layer.kind != fault.kind) continue;
      const auto attention = MakeAttentionCase({broken, pool_}, layer, 9000);
      attention->Run();
      const base::Status status = attention->Check();
      ASSERT_FALSE(status.ok()) << model.name;
      EXPECT_THAT(status.error().message, HasSubstr(fault.error));
      ++found;
    }
  }
  EXPECT_GT(found, 0);
}

INSTANTIATE_TEST_SUITE_P(
    All, AttentionFaultTest,
    testing::Values(Fault{"Window", Kind::kWindow, kBreakAttend, "attention is wrong"},
                    Fault{"Csa", Kind::kCsa, kBreakAttend, "attention is wrong"},
                    Fault{"CsaScores", Kind::kCsa, kBreakScores, "selection is wrong"},
                    Fault{"Hca", Kind::kHca, kBreakAttend, "attention is wrong"},
                    Fault{"Mla", Kind::kSparseMla, kBreakAttend, "attention is wrong"},
                    Fault{"MlaScores", Kind::kSparseMla, kBreakMatmul, "selection is wrong"},
                    Fault{"Gqa", Kind::kGroupedQuery, kBreakAttend, "attention is wrong"}),
    [](const auto& test) { return test.param.name; });

// Two heads against keys that are small integers, the last piece being short.
TEST(LightningIndexer, AddsTheHeadsPositiveProducts) {
  constexpr int64_t kKeys = 1300, kDim = 128;
  base::ThreadPool pool(2);
  ops::Context context(Kernels(), pool, LightningScratchBytes(Kernels(), 2, kDim));
  std::vector<std::byte> keys(kKeys * kDim);
  const std::vector<uint8_t> scales((kKeys + 127) / 128, 127);
  // Key k is 1 in dimension k % 128 and 0 elsewhere; E4M3 0x38 is 1.
  for (int64_t k = 0; k < kKeys; ++k)
    keys[static_cast<size_t>(k * kDim + k % kDim)] = std::byte{0x38};
  std::vector<float> query(2 * kDim);
  for (size_t d = 0; d < kDim; ++d) {
    query[d] = static_cast<float>(d % 16) - 8;
    query[kDim + d] = 4;
  }
  ops::QuantizedRows rows(Kernels(), tensor::WeightFormat::kE4m3, 2, kDim);
  ops::QuantizeRows(context, query.data(), 2, rows);
  const float weights[] = {2, -0.5f};
  std::vector<float> scores(kKeys + 1, 77);
  ScoreKeys(context, {rows.view().data, rows.view().stride, weights, 2},
            {.format = tensor::WeightFormat::kE4m3,
             .rows = kKeys,
             .cols = kDim,
             .data = keys.data(),
             .scales = scales.data()},
            scores.data());
  for (int64_t k = 0; k < kKeys; ++k) {
    const auto dot = static_cast<float>(k % kDim % 16) - 8;
    EXPECT_EQ(scores[static_cast<size_t>(k)], 2 * std::max(dot, 0.0f) - 2);
  }
  EXPECT_EQ(scores.back(), 77);
}

}  // namespace
}  // namespace fathom::measure
