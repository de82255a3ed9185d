#include "model/tensor_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "checkpoint/directory.h"
#include "model/presets.h"

namespace fathom::model {
namespace {

ModelConfig ConfigOf(const std::string& preset) {
  const auto json = PresetConfig(preset);
  EXPECT_TRUE(json.ok());
  auto config = ParseConfig(*json, preset);
  EXPECT_TRUE(config.ok());
  return *config;
}

std::map<std::string, TensorSlot> ListTensors(const ModelConfig& config) {
  std::map<std::string, TensorSlot> slots;
  ForEachTensor(config, [&](const TensorSlot& slot) {
    EXPECT_TRUE(slots.emplace(slot.name, slot).second) << slot.name << " is visited twice";
  });
  return slots;
}

uint64_t CountBytes(const std::map<std::string, TensorSlot>& slots) {
  uint64_t bytes = 0;
  for (const auto& [name, slot] : slots)
    bytes += static_cast<uint64_t>(tensor::ElementCount(slot.shape) * tensor::SizeOf(slot.dtype));
  return bytes;
}

// The published checkpoints' numbers of tensors, and Pro's bytes.
TEST(TensorNames, CountsThePublishedCheckpoints) {
  const auto pro = ListTensors(ConfigOf("pro"));
  EXPECT_EQ(pro.size(), 145116u);
  EXPECT_EQ(CountBytes(pro) / 10'000'000, 86470u);
  const auto flash = ListTensors(ConfigOf("flash"));
  EXPECT_EQ(std::ranges::count_if(
                flash, [](const auto& entry) { return !entry.first.starts_with("mtp."); }),
            67612);
}

// Rows of the published files' headers, one of each kind of tensor and layer.
TEST(TensorNames, StatesTypesAndShapes) {
  const auto flash = ListTensors(ConfigOf("flash"));
  const std::pair<const char*, const char*> expected[] = {
      {"embed.weight", "BF16 [129280, 4096]"},
      {"head.weight", "BF16 [129280, 4096]"},
      {"norm.weight", "BF16 [4096]"},
      {"hc_head_fn", "F32 [4, 16384]"},
      {"hc_head_base", "F32 [4]"},
      {"hc_head_scale", "F32 [1]"},
      {"layers.0.attn_norm.weight", "BF16 [4096]"},
      {"layers.0.ffn_norm.weight", "BF16 [4096]"},
      {"layers.0.hc_attn_fn", "F32 [24, 16384]"},
      {"layers.0.hc_ffn_base", "F32 [24]"},
      {"layers.0.hc_ffn_scale", "F32 [3]"},
      {"layers.0.attn.attn_sink", "F32 [64]"},
      {"layers.0.attn.q_norm.weight", "BF16 [1024]"},
      {"layers.0.attn.kv_norm.weight", "BF16 [512]"},
      {"layers.0.attn.wq_a.weight", "F8_E4M3 [1024, 4096]"},
      {"layers.0.attn.wq_a.scale", "F8_E8M0 [8, 32]"},
      {"layers.0.attn.wq_b.weight", "F8_E4M3 [32768, 1024]"},
      {"layers.0.attn.wkv.scale", "F8_E8M0 [4, 32]"},
      {"layers.0.attn.wo_a.weight", "F8_E4M3 [8192, 4096]"},
      {"layers.0.attn.wo_b.weight", "F8_E4M3 [4096, 8192]"},
      {"layers.0.ffn.gate.weight", "BF16 [256, 4096]"},
      {"layers.2.ffn.gate.tid2eid", "I64 [129280, 6]"},
      {"layers.3.ffn.gate.bias", "F32 [256]"},
      {"layers.42.ffn.experts.255.w1.weight", "I8 [2048, 2048]"},
      {"layers.42.ffn.experts.255.w1.scale", "F8_E8M0 [2048, 128]"},
      {"layers.42.ffn.experts.255.w2.weight", "I8 [4096, 1024]"},
      {"layers.42.ffn.experts.255.w2.scale", "F8_E8M0 [4096, 64]"},
      {"layers.42.ffn.shared_experts.w3.weight", "F8_E4M3 [2048, 4096]"},
      {"layers.3.attn.compressor.ape", "F32 [128, 512]"},
      {"layers.3.attn.compressor.wkv.weight", "BF16 [512, 4096]"},
      {"layers.2.attn.compressor.ape", "F32 [4, 1024]"},
      {"layers.2.attn.compressor.wgate.weight", "BF16 [1024, 4096]"},
      {"layers.2.attn.compressor.norm.weight", "BF16 [512]"},
      {"layers.2.attn.indexer.wq_b.weight", "F8_E4M3 [8192, 1024]"},
      {"layers.2.attn.indexer.weights_proj.weight", "BF16 [64, 4096]"},
      {"layers.2.attn.indexer.compressor.ape", "F32 [4, 256]"},
      {"layers.2.attn.indexer.compressor.wkv.weight", "BF16 [256, 4096]"},
      {"layers.2.attn.indexer.compressor.norm.weight", "BF16 [128]"},
      {"mtp.0.e_proj.weight", "F8_E4M3 [4096, 4096]"},
      {"mtp.0.h_proj.scale", "F8_E8M0 [32, 32]"},
      {"mtp.0.enorm.weight", "BF16 [4096]"},
      {"mtp.0.norm.weight", "BF16 [4096]"},
      {"mtp.0.hc_head_fn", "F32 [4, 16384]"},
      {"mtp.0.ffn.gate.bias", "F32 [256]"},
      {"mtp.0.attn.wq_b.weight", "F8_E4M3 [32768, 1024]"},
  };
  for (const auto& [name, what] : expected) {
    const auto found = flash.find(name);
    ASSERT_NE(found, flash.end()) << name;
    const TensorSlot& slot = found->second;
    EXPECT_EQ(fmt::format("{} {}", tensor::NameOf(slot.dtype), tensor::ToString(slot.shape)), what)
        << name;
  }
  for (const char* absent :
       {"layers.0.attn.compressor.ape", "layers.3.attn.indexer.wq_b.weight",
        "layers.0.ffn.gate.bias", "layers.3.ffn.gate.tid2eid", "mtp.0.ffn.gate.tid2eid",
        "mtp.0.attn.compressor.ape", "layers.43.attn_norm.weight"})
    EXPECT_FALSE(flash.contains(absent)) << absent;
}

TEST(TensorNames, NamesExactlyWhatTheGoldenCheckpointsHold) {
  for (const char* folder :
       {"tests/goldens/nano-flash", "tests/goldens/nano-pro", "tests/models/recall"}) {
    const std::string path = std::string(FATHOM_SOURCE_DIR "/") + folder;
    const auto config = LoadConfig(path);
    ASSERT_TRUE(config.ok()) << config.error().message;
    const auto directory = checkpoint::TensorDirectory::Open(path);
    ASSERT_TRUE(directory.ok()) << directory.error().message;
    std::set<std::string> listed, stored;
    for (const auto& [name, slot] : ListTensors(*config)) listed.insert(name);
    for (const auto& tensor : directory->tensors()) stored.insert(tensor.name);
    EXPECT_EQ(listed, stored) << folder;
  }
}

TEST(TensorNames, KnowsTheCopiesThatMtpBlocksShare) {
  for (const char* name : {"mtp.0.embed.weight", "mtp.0.emb.tok_emb.weight", "mtp.12.head.weight",
                           "model.mtp.0.head.weight"})
    EXPECT_TRUE(IsSharedCopy(name)) << name;
  for (const char* name : {"mtp.0.hc_head_fn", "mtp.0.attn.wkv.weight", "embed.weight",
                           "head.weight", "mtp.0", "mtp.", ""})
    EXPECT_FALSE(IsSharedCopy(name)) << name;
}

}  // namespace
}  // namespace fathom::model
