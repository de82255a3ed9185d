// A checkpoint with something wrong gives one line that names it, and exit code 1: nothing crashes,
// nothing is computed from it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "checkpoint/test_files.h"
#include "golden_file.h"
#include "program.h"

namespace fathom::tests {
namespace {

namespace fs = std::filesystem;
using checkpoint::WriteBytes;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Json = nlohmann::json;

constexpr const char* kShard1 = "model-00001-of-00002.safetensors";
constexpr const char* kShard2 = "model-00002-of-00002.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

/// A copy of nano-flash, to be damaged.
class Copy {
 public:
  Copy() {
    for (const char* name : {"config.json", kIndex, kShard1, kShard2})
      fs::copy(SourcePath("tests/goldens/nano-flash/") + name, folder_ / name);
  }

  const std::string& path() const { return folder_.path(); }
  std::string operator/(std::string_view name) const { return folder_ / name; }

  std::string Read(const char* name) const { return base::ReadFile(folder_ / name).value(); }
  void Write(const char* name, std::string_view bytes) const { WriteBytes(folder_ / name, bytes); }
  void Remove(const char* name) const { fs::remove(folder_ / name); }

  void EditJson(const char* name, const std::function<void(Json&)>& edit) const {
    Json json = Json::parse(Read(name));
    edit(json);
    Write(name, json.dump());
  }

  /// Rewrites the header of a shard; the data stays.
  void EditHeader(const char* shard, const std::function<void(Json&)>& edit) const {
    const std::string file = Read(shard);
    uint64_t length = 0;
    std::memcpy(&length, file.data(), sizeof length);
    Json header = Json::parse(file.substr(8, length));
    edit(header);
    Write(shard, checkpoint::MakeFile(header.dump(), file.substr(8 + length)));
  }

  /// Overwrites the beginning of a tensor's data.
  template <typename T>
  void Poke(const std::string& tensor, T value) const {
    for (const char* shard : {kShard1, kShard2}) {
      std::string file = Read(shard);
      const auto entries =
          checkpoint::ParseSafetensors(std::as_bytes(std::span(file)), shard).value();
      for (const auto& entry : entries) {
        if (entry.name != tensor) continue;
        std::memcpy(file.data() + entry.begin, &value, sizeof value);
        Write(shard, file);
        return;
      }
    }
    throw std::runtime_error("no tensor " + tensor);
  }

 private:
  checkpoint::TemporaryFolder folder_;
};

struct Damage {
  const char* name;
  std::function<void(const Copy&)> apply;
  std::string named;  ///< what the error has to name
};

void PrintTo(const Damage& damage, std::ostream* out) { *out << damage.name; }

std::function<void(const Copy&)> SetConfig(const std::string& key, const Json& value) {
  return [=](const Copy& copy) {
    copy.EditJson("config.json", [&](Json& json) { json[key] = value; });
  };
}

std::function<void(const Copy&)> EditTensor(const std::string& tensor, const std::string& field,
                                            const Json& value) {
  return [=](const Copy& copy) {
    copy.EditHeader(kShard1, [&](Json& header) { header.at(tensor)[field] = value; });
  };
}

const Damage kDamages[] = {
    // The files.
    {"no_config", [](const Copy& copy) { copy.Remove("config.json"); }, "config.json"},
    {"no_shard", [](const Copy& copy) { copy.Remove(kShard2); }, kShard2},
    {"no_weights",
     [](const Copy& copy) {
       for (const char* name : {kIndex, kShard1, kShard2}) copy.Remove(name);
     },
     "holds no checkpoint"},
    {"shard_is_a_folder",
     [](const Copy& copy) {
       copy.Remove(kShard1);
       fs::create_directory(copy / kShard1);
     },
     kShard1},
    {"shard_is_empty", [](const Copy& copy) { copy.Write(kShard1, ""); }, kShard1},
    {"shard_cut_in_the_data",
     [](const Copy& copy) { fs::resize_file(copy / kShard1, fs::file_size(copy / kShard1) - 1); },
     kShard1},
    {"shard_cut_in_the_header", [](const Copy& copy) { fs::resize_file(copy / kShard1, 1000); },
     kShard1},
    {"shard_cut_in_the_length", [](const Copy& copy) { fs::resize_file(copy / kShard1, 5); },
     kShard1},
    {"shard_with_more_data",
     [](const Copy& copy) { copy.Write(kShard1, copy.Read(kShard1) + "x"); }, kShard1},
    {"shards_exchanged",
     [](const Copy& copy) {
       fs::rename(copy / kShard1, copy / "swap");
       fs::rename(copy / kShard2, copy / kShard1);
       fs::rename(copy / "swap", copy / kShard2);
     },
     kIndex},
    {"header_length_huge",
     [](const Copy& copy) {
       std::string file = copy.Read(kShard1);
       std::fill_n(file.begin(), 8, '\xff');
       copy.Write(kShard1, file);
     },
     kShard1},
    {"header_is_no_json",
     [](const Copy& copy) {
       std::string file = copy.Read(kShard1);
       file[8] = '[';
       copy.Write(kShard1, file);
     },
     kShard1},
    {"index_is_no_json", [](const Copy& copy) { copy.Write(kIndex, "{\"weight_map\": {"); },
     kIndex},
    {"index_without_map", [](const Copy& copy) { copy.Write(kIndex, "{}"); }, kIndex},
    {"index_names_another_folder",
     [](const Copy& copy) {
       copy.EditJson(kIndex, [](Json& json) { json["weight_map"]["embed.weight"] = "../x"; });
     },
     "../x"},
    {"index_names_more",
     [](const Copy& copy) {
       copy.EditJson(kIndex, [](Json& json) { json["weight_map"]["ghost"] = kShard1; });
     },
     "\"ghost\""},
    {"index_names_less",
     [](const Copy& copy) {
       copy.EditJson(kIndex, [](Json& json) { json["weight_map"].erase("norm.weight"); });
     },
     "norm.weight"},

    // The tensors.
    {"tensor_missing",
     [](const Copy& copy) {
       const auto rename = [](Json& map) {
         map["layers.0.attn.wkv.weights"] = map["layers.0.attn.wkv.weight"];
         map.erase("layers.0.attn.wkv.weight");
       };
       copy.EditHeader(kShard1, rename);
       copy.EditJson(kIndex, [&](Json& json) { rename(json["weight_map"]); });
     },
     "layers.0.attn.wkv.weight"},
    {"type_flipped", EditTensor("layers.0.attn.wkv.weight", "dtype", "I8"),
     "layers.0.attn.wkv.weight"},
    {"type_unknown", EditTensor("layers.0.attn.wkv.weight", "dtype", "Q4_K"),
     "layers.0.attn.wkv.weight"},
    {"type_of_another_size", EditTensor("layers.0.attn.wkv.weight", "dtype", "F32"),
     "layers.0.attn.wkv.weight"},
    {"shape_transposed", EditTensor("layers.0.attn.wq_b.weight", "shape", {128, 512}),
     "layers.0.attn.wq_b.weight"},
    {"shape_negative", EditTensor("layers.0.attn.wq_b.weight", "shape", {-512, -128}),
     "layers.0.attn.wq_b.weight"},
    {"shape_overflows", EditTensor("layers.0.attn.wq_b.weight", "shape", {1ll << 62, 1ll << 62}),
     "layers.0.attn.wq_b.weight"},
    {"offsets_outside", EditTensor("layers.0.attn.wq_b.weight", "data_offsets", {0, 1ll << 40}),
     kShard1},
    {"offsets_reversed", EditTensor("layers.0.attn.wq_b.weight", "data_offsets", {9, 1}), kShard1},

    // What they hold.
    {"scale_is_nan", [](const Copy& copy) { copy.Poke<uint8_t>("layers.0.attn.wkv.scale", 255); },
     "layers.0.attn.wkv.scale"},
    {"expert_scale_is_nan",
     [](const Copy& copy) { copy.Poke<uint8_t>("layers.6.ffn.experts.7.w2.scale", 255); },
     "layers.6.ffn.experts.7.w2.scale"},
    {"norm_is_nan",
     [](const Copy& copy) { copy.Poke<uint16_t>("layers.1.attn_norm.weight", 0x7fc0); },
     "layers.1.attn_norm.weight"},
    {"sink_is_infinite",
     [](const Copy& copy) {
       copy.Poke("layers.3.attn.attn_sink", std::numeric_limits<float>::infinity());
     },
     "layers.3.attn.attn_sink"},
    {"hyper_connection_is_nan",
     [](const Copy& copy) {
       copy.Poke("layers.2.hc_ffn_fn", std::numeric_limits<float>::quiet_NaN());
     },
     "layers.2.hc_ffn_fn"},
    {"expert_does_not_exist",
     [](const Copy& copy) { copy.Poke<int64_t>("layers.0.ffn.gate.tid2eid", 8); },
     "layers.0.ffn.gate.tid2eid"},
    {"expert_is_negative",
     [](const Copy& copy) { copy.Poke<int64_t>("layers.0.ffn.gate.tid2eid", -1); },
     "layers.0.ffn.gate.tid2eid"},

    // The configuration.
    {"config_is_no_json", [](const Copy& copy) { copy.Write("config.json", "{"); }, "config.json"},
    {"config_is_a_list", [](const Copy& copy) { copy.Write("config.json", "[]"); }, "config.json"},
    {"config_of_another_family", SetConfig("model_type", "llama"), "model_type"},
    {"key_missing",
     [](const Copy& copy) {
       copy.EditJson("config.json", [](Json& json) { json.erase("hc_sinkhorn_iters"); });
     },
     "hc_sinkhorn_iters"},
    {"key_unknown", SetConfig("moe_temperature", 2), "moe_temperature"},
    {"key_of_another_kind", SetConfig("hidden_size", "128"), "hidden_size"},
    {"scoring_unknown", SetConfig("scoring_func", "softmax"), "scoring_func"},
    {"width_zero", SetConfig("hidden_size", 0), "hidden_size"},
    {"width_negative", SetConfig("head_dim", -128), "head_dim"},
    {"width_of_another_model", SetConfig("hidden_size", 256), "embed.weight"},
    {"width_absurd", SetConfig("hidden_size", 1 << 20), "embed.weight"},
    {"width_beyond_64_bits", SetConfig("hidden_size", 1e30), "hidden_size"},
    {"vocabulary_absurd", SetConfig("vocab_size", 20'000'000), "embed.weight"},
    {"experts_more_than_stored", SetConfig("n_routed_experts", 9), "layers.0.ffn"},
    {"experts_absurd", SetConfig("n_routed_experts", 20'000'000), "n_routed_experts"},
    {"layers_more_than_ratios", SetConfig("num_hidden_layers", 8), "compress_ratios"},
    {"window_absurd", SetConfig("sliding_window", 2'000'000'000), "sliding_window"},
    {"topk_absurd", SetConfig("index_topk", 2'000'000'000), "index_topk"},
    {"iterations_absurd", SetConfig("hc_sinkhorn_iters", 2'000'000'000), "hc_sinkhorn_iters"},
    {"ratio_unknown", SetConfig("compress_ratios", {0, 0, 4, 64, 4, 128, 4, 0}),
     "compress_ratios[3]"},
    {"experts_in_the_other_format", SetConfig("expert_dtype", "fp8"), "layers.0.ffn.experts.0.w1"},
};

class BadCheckpoint : public testing::TestWithParam<Damage> {};

TEST_P(BadCheckpoint, IsOneLineAndExitCode1) {
  const Copy copy;
  GetParam().apply(copy);
  const std::string out = copy / "out";
  for (const auto& arguments :
       {std::vector<std::string>{"inspect", copy.path()},
        {"logits", "-m", copy.path(), "--ids", "-", "--out", out, "--mtp", "--hidden"}}) {
    const Outcome outcome = RunProgram(arguments, {.input = "1 2 3"});
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, AllOf(StartsWith("fathom: " + copy.path()), EndsWith("\n"),
                                   HasSubstr(GetParam().named)));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    EXPECT_FALSE(fs::exists(out));
  }
}

INSTANTIATE_TEST_SUITE_P(All, BadCheckpoint, testing::ValuesIn(kDamages),
                         [](const auto& instance) { return std::string(instance.param.name); });

TEST(Checkpoint, NothingIsWrongWithTheCopyItself) {
  const Copy copy;
  const Outcome outcome = RunProgram({"inspect", copy.path()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
}

}  // namespace
}  // namespace fathom::tests
