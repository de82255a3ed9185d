#include "model/weights_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <map>

#include "checkpoint/test_files.h"
#include "model/checkpoint_copy_testing.h"

namespace fathom::model {
namespace {

using checkpoint::StoredTensor;
using checkpoint::TemporaryFolder;
using checkpoint::TensorDirectory;
using tensor::DType;
using tensor::WeightFormat;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

base::Result<LoadedWeights> LoadFrom(const std::string& folder, const std::string& config_folder,
                                     const checkpoint::Progress& progress = {}) {
  FATHOM_ASSIGN(const ModelConfig config, LoadConfig(config_folder));
  FATHOM_ASSIGN(TensorDirectory directory, TensorDirectory::Open(folder));
  base::ThreadPool pool(2);
  return LoadedWeights::Load(std::move(directory), config, pool, {.progress = progress});
}

class EditableCheckpoint : public CheckpointCopy {
 public:
  explicit EditableCheckpoint(const std::string& folder)
      : CheckpointCopy(folder), config_folder_(folder) {}

  base::Result<LoadedWeights> Load() const {
    Write(folder_.path());
    return LoadFrom(folder_.path(), config_folder_);
  }

  std::string LoadError() const {
    const auto loaded = Load();
    if (loaded.ok()) return "no error";
    EXPECT_THAT(loaded.error().message, HasSubstr(folder_.path()));
    return loaded.error().message;
  }

 private:
  std::string config_folder_;
  TemporaryFolder folder_;
};

TEST(LoadedWeights, UsesTheCheckpointInPlace) {
  for (const std::string& folder : {kRecall, kNanoFlash, kNanoPro}) {
    std::vector<std::pair<uint64_t, uint64_t>> steps;
    const auto loaded = LoadFrom(
        folder, folder, [&](uint64_t done, uint64_t total) { steps.emplace_back(done, total); });
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    EXPECT_THAT(loaded->report().unknown_tensors, IsEmpty());
    std::map<DType, uint64_t> stored_bytes;
    const auto directory = TensorDirectory::Open(folder);
    for (const StoredTensor& stored : directory->tensors())
      stored_bytes[stored.view.dtype] += static_cast<uint64_t>(stored.view.bytes());
    // These files put odd numbers of bytes before some F32 vectors, which are copied; nothing else.
    std::map<DType, uint64_t> in_place = loaded->report().in_place_bytes;
    const uint64_t copied = stored_bytes[DType::kF32] - in_place[DType::kF32];
    EXPECT_LE(copied, stored_bytes[DType::kF32] / 4);
    EXPECT_GE(loaded->report().repacked_bytes, copied);
    in_place[DType::kF32] += copied;
    EXPECT_EQ(in_place, stored_bytes);
    ASSERT_FALSE(steps.empty());
    EXPECT_EQ(steps.back().first, steps.back().second);
  }
}

TEST(LoadedWeights, PointsEachMemberAtItsTensor) {
  const auto opened = LoadFrom(kNanoFlash, kNanoFlash);
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  auto directory = TensorDirectory::Open(kNanoFlash);
  ASSERT_TRUE(directory.ok());
  const ModelWeights& w = opened->weights();
  ASSERT_EQ(w.layers.size(), 7u);
  ASSERT_EQ(w.mtp.size(), 1u);
  const LayerWeights& csa = w.layers[2];
  ASSERT_EQ(csa.ffn.experts.size(), 8u);
  const auto expect_same = [&](const void* data, const char* name) {
    const StoredTensor* stored = directory->Find(name);
    ASSERT_NE(stored, nullptr) << name;
    ASSERT_NE(data, nullptr) << name;
    EXPECT_EQ(std::memcmp(data, stored->view.data, static_cast<size_t>(stored->view.bytes())), 0)
        << name;
  };
  expect_same(w.embed.data, "embed.weight");
  expect_same(w.output.data, "head.weight");
  expect_same(w.head.norm, "norm.weight");
  expect_same(w.head.hc.fn.data, "hc_head_fn");
  expect_same(csa.hc_ffn.base, "layers.2.hc_ffn_base");
  expect_same(csa.attn_norm, "layers.2.attn_norm.weight");
  expect_same(csa.attn.sinks, "layers.2.attn.attn_sink");
  expect_same(csa.attn.wo_b.scales, "layers.2.attn.wo_b.scale");
  expect_same(csa.attn.compressor.ape, "layers.2.attn.compressor.ape");
  expect_same(csa.attn.compressor.wgate.data, "layers.2.attn.compressor.wgate.weight");
  expect_same(csa.attn.indexer.wq_b.data, "layers.2.attn.indexer.wq_b.weight");
  expect_same(csa.attn.indexer.compressor.norm, "layers.2.attn.indexer.compressor.norm.weight");
  expect_same(csa.ffn.experts[7].w2.data, "layers.2.ffn.experts.7.w2.weight");
  expect_same(csa.ffn.experts[7].w2.scales, "layers.2.ffn.experts.7.w2.scale");
  expect_same(csa.ffn.shared.w3.data, "layers.2.ffn.shared_experts.w3.weight");
  expect_same(csa.ffn.tid2eid, "layers.2.ffn.gate.tid2eid");
  expect_same(w.layers[3].ffn.bias, "layers.3.ffn.gate.bias");
  expect_same(w.mtp[0].e_proj.data, "mtp.0.e_proj.weight");
  expect_same(w.mtp[0].layer.attn.wkv.data, "mtp.0.attn.wkv.weight");
  expect_same(w.mtp[0].head.norm, "mtp.0.norm.weight");

  EXPECT_EQ(csa.ffn.experts[0].w1.format, WeightFormat::kE2m1);
  EXPECT_EQ(csa.ffn.experts[0].w1.rows, 128);
  EXPECT_EQ(csa.ffn.experts[0].w1.cols, 128);
  EXPECT_EQ(csa.attn.wq_b.format, WeightFormat::kE4m3);
  EXPECT_EQ(csa.attn.wq_b.rows, 512);
  EXPECT_EQ(csa.attn.wq_b.cols, 128);
  EXPECT_EQ(w.embed.format, WeightFormat::kBf16);
  EXPECT_EQ(csa.hc_attn.fn.format, WeightFormat::kF32);
  EXPECT_EQ(csa.ffn.bias, nullptr);
  EXPECT_EQ(w.layers[3].ffn.tid2eid, nullptr);
  EXPECT_EQ(w.layers[3].attn.indexer.wq_b.data, nullptr);
  EXPECT_EQ(w.layers[0].attn.compressor.ape, nullptr);
}

TEST(LoadedWeights, AcceptsPrefixedNamesAndSharedCopies) {
  EditableCheckpoint checkpoint(kNanoFlash);
  auto copy = checkpoint["embed.weight"];
  copy.name = "mtp.0.embed.weight";
  checkpoint.tensors.push_back(copy);
  copy.name = "layers.0.attn.rotary.inv_freq";
  checkpoint.tensors.push_back(copy);
  for (auto& tensor : checkpoint.tensors) tensor.name = "model." + tensor.name;
  const auto loaded = checkpoint.Load();
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_THAT(loaded->report().unknown_tensors, ElementsAre("model.layers.0.attn.rotary.inv_freq"));
}

// Base checkpoints store all scales as F32.
TEST(LoadedWeights, ConvertsFloatScales) {
  EditableCheckpoint checkpoint(kRecall);
  std::map<std::string, std::string> codes;
  for (auto& tensor : checkpoint.tensors) {
    if (tensor.dtype != DType::kF8E8M0) continue;
    tensor.bytes[0] = static_cast<char>(codes.size() % 255);  // the extremes too
    codes[tensor.name] = tensor.bytes;
    std::string floats;
    for (const char code : tensor.bytes) {
      const float scale = std::ldexp(1.0f, static_cast<uint8_t>(code) - 127);
      floats.append(reinterpret_cast<const char*>(&scale), sizeof(scale));
    }
    tensor.dtype = DType::kF32;
    tensor.bytes = floats;
  }
  checkpoint["layers.0.attn.wkv.scale"].Set(0, 0x1p127f);
  codes["layers.0.attn.wkv.scale"][0] = static_cast<char>(254);
  const auto loaded = checkpoint.Load();
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  size_t bytes = 0;
  for (const auto& [name, text] : codes) bytes += (text.size() + 63) / 64 * 64;
  EXPECT_EQ(loaded->report().repacked_bytes, bytes);
  EXPECT_FALSE(loaded->report().in_place_bytes.contains(DType::kF8E8M0));
  for (size_t i = 0; i < loaded->weights().layers.size(); ++i) {
    const LayerWeights& layer = loaded->weights().layers[i];
    const std::string p = fmt::format("layers.{}.", i);
    const std::pair<const WeightMatrix*, std::string> matrices[] = {
        {&layer.attn.wkv, p + "attn.wkv.scale"},
        {&layer.attn.wo_a, p + "attn.wo_a.scale"},
        {&layer.ffn.experts[3].w2, p + "ffn.experts.3.w2.scale"},
        {&layer.ffn.shared.w1, p + "ffn.shared_experts.w1.scale"}};
    for (const auto& [matrix, name] : matrices)
      EXPECT_EQ(std::memcmp(matrix->scales, codes[name].data(), codes[name].size()), 0) << name;
  }
}

TEST(LoadedWeights, RefusesFloatScalesThatUe8m0DoesNotHave) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const float scale : {0.3f, 0.0f, -0.0f, -2.0f, kInfinity, -kInfinity, 0x1p-128f, 0x1p-149f,
                            0x1.000002p0f, std::nanf("")}) {
    EditableCheckpoint checkpoint(kRecall);
    auto& tensor = checkpoint["layers.1.attn.wq_b.scale"];
    tensor.dtype = DType::kF32;
    tensor.bytes.resize(4 * tensor.bytes.size());
    for (size_t i = 0; i < tensor.bytes.size() / 4; ++i) tensor.Set(i, 1.0f);
    tensor.Set(1, scale);
    const std::string error = checkpoint.LoadError();
    EXPECT_THAT(error, HasSubstr("tensor \"layers.1.attn.wq_b.scale\": scale [1, 0] is "));
    EXPECT_THAT(error, HasSubstr("not a power of two"));
  }
}

TEST(LoadedWeights, RefusesFarMoreExpertsThanTensors) {
  ModelConfig config = LoadConfig(kNanoFlash).value();
  config.n_routed_experts = 1'000'000'000;
  base::ThreadPool pool(1);
  const auto loaded = LoadedWeights::Load(TensorDirectory::Open(kNanoFlash).value(), config, pool);
  ASSERT_FALSE(loaded.ok());
  EXPECT_THAT(loaded.error().message,
              HasSubstr("too few for 8 layers of 1000000000 experts (n_routed_experts)"));
}

TEST(LoadedWeights, CopiesMisalignedVectors) {
  EditableCheckpoint checkpoint(kRecall);
  checkpoint.tensors.insert(checkpoint.tensors.begin(), {"odd", DType::kU8, {1}, "x"});
  const auto loaded = checkpoint.Load();
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_GT(loaded->report().repacked_bytes, 0u);
  const HyperConnectionWeights& hc = loaded->weights().layers[1].hc_attn;
  EXPECT_EQ(reinterpret_cast<uintptr_t>(hc.base) % alignof(float), 0u);
  const std::string& expected = checkpoint["layers.1.hc_attn_base"].bytes;
  EXPECT_EQ(std::memcmp(hc.base, expected.data(), expected.size()), 0);
}

struct Fault {
  const char* name;
  std::string folder;
  std::function<void(EditableCheckpoint&)> damage;
  const char* message;
};

void PrintTo(const Fault& fault, std::ostream* out) { *out << fault.name; }

class LoadFaultTest : public testing::TestWithParam<Fault> {};

TEST_P(LoadFaultTest, NamesTensorAndPosition) {
  EditableCheckpoint checkpoint(GetParam().folder);
  GetParam().damage(checkpoint);
  EXPECT_THAT(checkpoint.LoadError(), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Faults, LoadFaultTest,
    testing::Values(
        Fault{"missing", kRecall, [](auto& c) { c["layers.2.attn.wkv.scale"].name = "renamed"; },
              "tensor \"layers.2.attn.wkv.scale\" (F8_E8M0 [1, 1]) is missing"},
        Fault{"type", kRecall, [](auto& c) { c["norm.weight"].dtype = DType::kF16; },
              "model.safetensors: tensor \"norm.weight\": expected BF16 [128], found F16 [128]"},
        Fault{"floats_for_codes", kRecall,
              [](auto& c) {
                auto& wkv = c["layers.0.attn.wkv.weight"];
                wkv.dtype = DType::kF32;
                wkv.shape = {128, 128};
                wkv.bytes.resize(128 * 128 * 4);
              },
              "expected F8_E4M3 [128, 128], found F32 [128, 128]"},
        Fault{"shape", kRecall,
              [](auto& c) {
                c["embed.weight"].shape = {144, 256};
              },
              "tensor \"embed.weight\": expected BF16 [288, 128], found BF16 [144, 256]"},
        Fault{"rank", kRecall,
              [](auto& c) {
                c["norm.weight"].shape = {1, 128};
              },
              "expected BF16 [128], found BF16 [1, 128]"},
        Fault{"nan_scale", kRecall,
              [](auto& c) { c["layers.3.ffn.experts.2.w1.scale"].Set(7, uint8_t{255}); },
              "tensor \"layers.3.ffn.experts.2.w1.scale\": scale [1, 3] is NaN (byte 255)"},
        Fault{"nan_norm", kRecall,
              [](auto& c) { c["layers.1.ffn_norm.weight"].Set(5, uint16_t{0x7FC0}); },
              "tensor \"layers.1.ffn_norm.weight\": element [5] is nan"},
        Fault{"infinite_bias", kRecall,
              [](auto& c) {
                c["layers.1.ffn.gate.bias"].Set(3, -std::numeric_limits<float>::infinity());
              },
              "tensor \"layers.1.ffn.gate.bias\": element [3] is -inf"},
        Fault{"nan_mix", kRecall,
              [](auto& c) { c["layers.1.hc_attn_fn"].Set(4 * 128 + 1, std::nanf("")); },
              "tensor \"layers.1.hc_attn_fn\": element [1, 1] is nan"},
        Fault{"expert_above", kNanoFlash,
              [](auto& c) { c["layers.1.ffn.gate.tid2eid"].Set(11, int64_t{8}); },
              "tensor \"layers.1.ffn.gate.tid2eid\": element [5, 1] is 8, but experts are 0 to 7"},
        Fault{"expert_below", kNanoFlash,
              [](auto& c) { c["layers.1.ffn.gate.tid2eid"].Set(0, int64_t{-1}); },
              "element [0, 0] is -1, but experts are 0 to 7"},
        Fault{"expert_twice", kNanoFlash,
              [](auto& c) {
                c["layers.1.ffn.gate.tid2eid"].Set(10, int64_t{3});
                c["layers.1.ffn.gate.tid2eid"].Set(11, int64_t{3});
              },
              "elements [5, 0] and [5, 1] name the same expert 3"}),
    [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace fathom::model
