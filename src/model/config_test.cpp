#include "model/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/atomic_file.h"
#include "base/temporary_folder_testing.h"

namespace fathom::model {
namespace {

using Json = nlohmann::json;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

// Every kind of layer once, with an MTP layer.
constexpr const char* kSmall = R"({
  "architectures": ["DeepseekV4ForCausalLM"], "model_type": "deepseek_v4",
  "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 0, "eos_token_id": 1,
  "hc_eps": 1e-06, "hc_mult": 4, "hc_sinkhorn_iters": 20, "hidden_act": "silu",
  "initializer_range": 0.02, "n_shared_experts": 1, "norm_topk_prob": true,
  "num_key_value_heads": 1, "num_nextn_predict_layers": 1, "rms_norm_eps": 1e-20,
  "rope_theta": 10000, "scoring_func": "sqrtsoftplus", "swiglu_limit": 10.0,
  "tie_word_embeddings": false, "topk_method": "noaux_tc", "torch_dtype": "bfloat16",
  "use_cache": true, "compress_rope_theta": 160000, "qk_rope_head_dim": 64,
  "max_position_embeddings": 1048576,
  "quantization_config": {"activation_scheme": "dynamic", "fmt": "e4m3", "quant_method": "fp8",
                          "scale_fmt": "ue8m0", "weight_block_size": [128, 128]},
  "expert_dtype": "fp4", "hidden_size": 256, "head_dim": 192, "num_attention_heads": 4,
  "q_lora_rank": 384, "o_groups": 2, "o_lora_rank": 64, "sliding_window": 16,
  "index_head_dim": 128, "index_n_heads": 3, "index_topk": 8, "moe_intermediate_size": 512,
  "n_routed_experts": 8, "num_experts_per_tok": 2, "num_hidden_layers": 5, "num_hash_layers": 3,
  "vocab_size": 333, "routed_scaling_factor": 2.5,
  "rope_scaling": {"beta_fast": 32, "beta_slow": 1, "factor": 16,
                   "original_max_position_embeddings": 65536, "type": "yarn"},
  "compress_ratios": [0, 0, 4, 128, 4, 0]})";

Json SmallWith(const std::string& pointer, const Json& value) {
  Json json = Json::parse(kSmall);
  json[Json::json_pointer(pointer)] = value;
  return json;
}

std::string ErrorOf(const std::string& text) {
  const auto config = ParseConfig(text, "config.json");
  return config.ok() ? "accepted" : config.error().message;
}

TEST(Config, TakesEverySizeFromTheFile) {
  const auto config = ParseConfig(kSmall, "config.json");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->hidden_size, 256);
  EXPECT_EQ(config->num_hidden_layers, 5);
  EXPECT_EQ(config->num_nextn_predict_layers, 1);
  EXPECT_EQ(config->num_attention_heads, 4);
  EXPECT_EQ(config->head_dim, 192);
  EXPECT_EQ(config->qk_rope_head_dim, 64);
  EXPECT_EQ(config->q_lora_rank, 384);
  EXPECT_EQ(config->o_groups, 2);
  EXPECT_EQ(config->o_lora_rank, 64);
  EXPECT_EQ(config->sliding_window, 16);
  EXPECT_EQ(config->index_n_heads, 3);
  EXPECT_EQ(config->index_head_dim, 128);
  EXPECT_EQ(config->index_topk, 8);
  EXPECT_EQ(config->n_routed_experts, 8);
  EXPECT_EQ(config->num_experts_per_tok, 2);
  EXPECT_EQ(config->n_shared_experts, 1);
  EXPECT_EQ(config->moe_intermediate_size, 512);
  EXPECT_EQ(config->num_hash_layers, 3);
  EXPECT_EQ(config->hc_mult, 4);
  EXPECT_EQ(config->hc_sinkhorn_iters, 20);
  EXPECT_EQ(config->vocab_size, 333);
  EXPECT_EQ(config->max_position_embeddings, 1048576);
  EXPECT_EQ(config->bos_token_id, 0);
  EXPECT_EQ(config->eos_token_id, 1);
  EXPECT_EQ(config->routed_scaling_factor, 2.5f);
  EXPECT_EQ(config->swiglu_limit, 10.0f);
  EXPECT_EQ(config->hc_eps, 1e-6f);
  EXPECT_EQ(config->rms_norm_eps, 1e-20f);
  EXPECT_EQ(config->expert_format, ExpertFormat::kFp4);
  EXPECT_THAT(config->compress_ratios, testing::ElementsAre(0, 0, 4, 128, 4, 0));
}

TEST(Config, PlansEveryLayer) {
  const auto config = ParseConfig(kSmall, "config.json");
  ASSERT_TRUE(config.ok()) << config.error().message;
  using enum AttentionKind;
  const AttentionKind attention[] = {kWindow, kWindow, kCsa, kHca, kCsa, kWindow};
  ASSERT_EQ(config->layers.size(), 6u);
  for (size_t l = 0; l < 6; ++l) {
    SCOPED_TRACE(l);
    const LayerPlan& plan = config->layers[l];
    EXPECT_EQ(plan.attention, attention[l]);
    EXPECT_EQ(plan.compress_ratio, config->compress_ratios[l]);
    EXPECT_EQ(plan.overlapped, plan.attention == kCsa);
    EXPECT_EQ(plan.router, l < 3 ? RouterKind::kHash : RouterKind::kScored);
    EXPECT_EQ(plan.rope.theta, plan.attention == kWindow ? 10000 : 160000);
    EXPECT_EQ(plan.rope.yarn, plan.attention != kWindow);
  }
  const RopePlan& rope = config->layers[2].rope;
  EXPECT_EQ(rope.factor, 16);
  EXPECT_EQ(rope.original_positions, 65536);
  EXPECT_EQ(rope.beta_fast, 32);
  EXPECT_EQ(rope.beta_slow, 1);
}

TEST(Config, AFactorOfOneIsNoYarn) {
  const auto config = ParseConfig(SmallWith("/rope_scaling/factor", 1).dump(), "config.json");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_FALSE(config->layers[2].rope.yarn);
  EXPECT_EQ(config->layers[2].rope.theta, 160000);
}

TEST(Config, AnMtpLayerNeedsNoEntryWhereThereIsNone) {
  Json json = SmallWith("/num_nextn_predict_layers", 0);
  json["compress_ratios"] = {0, 0, 4, 128, 4};
  json["num_hash_layers"] = 5;
  const auto config = ParseConfig(json.dump(), "config.json");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->layers.size(), 5u);
  EXPECT_EQ(config->layers[4].router, RouterKind::kHash);
}

TEST(Config, ExpertsAreFp8UnlessTheFileSaysFp4) {
  Json absent = Json::parse(kSmall);
  absent.erase("expert_dtype");
  for (const Json& json :
       {absent, SmallWith("/expert_dtype", nullptr), SmallWith("/expert_dtype", "fp8")}) {
    const auto config = ParseConfig(json.dump(), "config.json");
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(config->expert_format, ExpertFormat::kFp8);
  }
}

TEST(Config, EveryKeyThatTheComputationDependsOnIsRequired) {
  const std::set<std::string> optional = {"architectures",     "attention_dropout", "expert_dtype",
                                          "initializer_range", "torch_dtype",       "use_cache"};
  const Json small = Json::parse(kSmall);
  for (const char* section : {"", "/quantization_config", "/rope_scaling"}) {
    const Json::json_pointer object(section);
    for (const auto& [key, value] : small[object].items()) {
      SCOPED_TRACE(key);
      Json json = small;
      json[object].erase(key);
      const std::string error = ErrorOf(json.dump());
      if (optional.contains(key)) {
        EXPECT_EQ(error, "accepted");
      } else {
        EXPECT_THAT(error, AllOf(StartsWith("config.json: "), HasSubstr(key + ": expected "),
                                 EndsWith(", found nothing")));
      }
    }
  }
}

struct Refused {
  const char* pointer;
  const char* value;  ///< JSON text
  const char* error;  ///< after "config.json: "
};

class ConfigRefuses : public testing::TestWithParam<Refused> {};

TEST_P(ConfigRefuses, InOneLineThatNamesTheKey) {
  const Refused& refused = GetParam();
  const std::string error = ErrorOf(SmallWith(refused.pointer, Json::parse(refused.value)).dump());
  EXPECT_EQ(error, std::string("config.json: ") + refused.error);
}

constexpr Refused kTypesAndRanges[] = {
    {"/hidden_size", "256.0",
     "hidden_size: expected a multiple of 128 from 1 to 2147483647, found 256.0"},
    {"/hidden_size", R"("256")",
     "hidden_size: expected a multiple of 128 from 1 to 2147483647, found \"256\""},
    {"/hidden_size", "320",
     "hidden_size: expected a multiple of 128 from 1 to 2147483647, found 320"},
    {"/q_lora_rank", "64",
     "q_lora_rank: expected a multiple of 128 from 1 to 2147483647, found 64"},
    {"/moe_intermediate_size", "64",
     "moe_intermediate_size: expected a multiple of 128 from 1 to 2147483647, found 64"},
    {"/num_hidden_layers", "0",
     "num_hidden_layers: expected an integer from 1 to 2147483647, found 0"},
    {"/sliding_window", "-16", "sliding_window: expected an integer from 1 to 1048576, found -16"},
    {"/sliding_window", "1048577",
     "sliding_window: expected an integer from 1 to 1048576, found 1048577"},
    {"/vocab_size", "2147483648",
     "vocab_size: expected an integer from 1 to 2147483647, found 2147483648"},
    {"/index_topk", "18446744073709551615",
     "index_topk: expected an integer from 1 to 65536, found 18446744073709551615"},
    {"/hc_mult", "[4, [1]]",
     "hc_mult: expected an integer from 1 to 16, found a list of lists or objects"},
    {"/hc_mult", "17", "hc_mult: expected an integer from 1 to 16, found 17"},
    {"/index_head_dim", "2048", "index_head_dim: expected an integer from 32 to 1024, found 2048"},
    {"/n_shared_experts", "0",
     "n_shared_experts: expected an integer from 1 to 2147483647, found 0"},
    {"/hc_sinkhorn_iters", "true",
     "hc_sinkhorn_iters: expected an integer from 1 to 4096, found true"},
    {"/qk_rope_head_dim", "63",
     "qk_rope_head_dim: expected a multiple of 16 from 1 to 2147483647, found 63"},
    {"/rms_norm_eps", "0", "rms_norm_eps: expected a positive float32, found 0"},
    {"/rms_norm_eps", "1e-50", "rms_norm_eps: expected a positive float32, found 1e-50"},
    {"/swiglu_limit", "1e39", "swiglu_limit: expected a positive float32, found 1e+39"},
    {"/rope_theta", R"("10000")", "rope_theta: expected a positive float32, found \"10000\""},
    {"/compress_rope_theta", "-1", "compress_rope_theta: expected a positive float32, found -1"},
    {"/rope_scaling", "[]", "rope_scaling: expected an object, found []"},
    {"/rope_scaling/factor", "0.5", "rope_scaling.factor: expected at least 1, found 0.5"},
    {"/rope_scaling/beta_slow", "33",
     "rope_scaling.beta_slow: expected at most beta_fast, found 33"},
    {"/compress_ratios", "[0, 0, 4, 128, 4]",
     "compress_ratios: expected a list of 6, one for each of num_hidden_layers and "
     "num_nextn_predict_layers, found a list of 5"},
    {"/compress_ratios/3", "64", "compress_ratios[3]: expected 0, 4 or 128, found 64"},
    {"/compress_ratios/3", "4.0", "compress_ratios[3]: expected 0, 4 or 128, found 4.0"},
    {"/compress_ratios/5", "4",
     "compress_ratios[5]: expected 0 (an MTP layer attends to its window), found 4"},
};
INSTANTIATE_TEST_SUITE_P(TypesAndRanges, ConfigRefuses, testing::ValuesIn(kTypesAndRanges));

constexpr Refused kContradictions[] = {
    {"/num_nextn_predict_layers", "2", "num_nextn_predict_layers: expected 0 or 1, found 2"},
    {"/num_attention_heads", "3",
     "num_attention_heads: expected a multiple of o_groups (2), found 3"},
    {"/head_dim", "64", "head_dim: expected qk_rope_head_dim (64) plus a multiple of 64, found 64"},
    {"/head_dim", "144",
     "head_dim: expected qk_rope_head_dim (64) plus a multiple of 64, found 144"},
    {"/num_attention_heads", "2",
     "num_attention_heads: expected heads that give each of o_groups a multiple of 128 elements, "
     "found 2"},
    {"/o_lora_rank", "32", "o_lora_rank: expected a multiple of 64, found 32"},
    {"/index_head_dim", "96", "index_head_dim: expected a power of two, found 96"},
    {"/index_head_dim", "32", "index_head_dim: expected at least qk_rope_head_dim (64), found 32"},
    {"/num_experts_per_tok", "9",
     "num_experts_per_tok: expected at most n_routed_experts (8), found 9"},
    {"/num_hash_layers", "6", "num_hash_layers: expected at most num_hidden_layers (5), found 6"},
    {"/bos_token_id", "333", "bos_token_id: expected less than vocab_size (333), found 333"},
    {"/eos_token_id", "333", "eos_token_id: expected less than vocab_size (333), found 333"},
};
INSTANTIATE_TEST_SUITE_P(Contradictions, ConfigRefuses, testing::ValuesIn(kContradictions));

constexpr Refused kOtherComputations[] = {
    {"/model_type", R"("deepseek_v41")",
     "model_type: expected \"deepseek_v4\", found \"deepseek_v41\""},
    {"/model_type", R"("deepseek_v3\nor so")",
     "model_type: expected \"deepseek_v4\", found \"deepseek_v3\\nor so\""},
    {"/scoring_func", R"("sigmoid")", "scoring_func: expected \"sqrtsoftplus\", found \"sigmoid\""},
    {"/topk_method", R"("greedy")", "topk_method: expected \"noaux_tc\", found \"greedy\""},
    {"/norm_topk_prob", "false", "norm_topk_prob: expected true, found false"},
    {"/hidden_act", R"("gelu")", "hidden_act: expected \"silu\", found \"gelu\""},
    {"/attention_bias", "true", "attention_bias: expected false, found true"},
    {"/tie_word_embeddings", "true", "tie_word_embeddings: expected false, found true"},
    {"/num_key_value_heads", "8", "num_key_value_heads: expected 1, found 8"},
    {"/expert_dtype", R"("int4")",
     "expert_dtype: expected \"fp4\", \"fp8\" or nothing, found \"int4\""},
    {"/rope_scaling/type", R"("linear")", "rope_scaling.type: expected \"yarn\", found \"linear\""},
    {"/rope_scaling/mscale", "1", "rope_scaling.mscale: expected 0, found 1"},
    {"/rope_scaling/low_freq_factor", "1",
     "rope_scaling.low_freq_factor: expected no key of this name (it is not one that this engine "
     "computes), found 1"},
    {"/quantization_config/fmt", R"("e5m2")",
     "quantization_config.fmt: expected \"e4m3\", found \"e5m2\""},
    {"/quantization_config/weight_block_size", "[32, 32]",
     "quantization_config.weight_block_size: expected [128,128], found [32,32]"},
    {"/quantization_config/scale_fmt", R"("float")",
     "quantization_config.scale_fmt: expected \"ue8m0\", found \"float\""},
    {"/quantization_config/quant_method", R"("awq")",
     "quantization_config.quant_method: expected \"fp8\", found \"awq\""},
    {"/quantization_config/modules_to_not_convert", R"(["lm_head"])",
     "quantization_config.modules_to_not_convert: expected no key of this name (it is not one that "
     "this engine computes), found [\"lm_head\"]"},
    {"/n_group", "8", "n_group: expected 1, found 8"},
    {"/first_k_dense_replace", "3", "first_k_dense_replace: expected 0, found 3"},
    {"/kv_lora_rank", "512",
     "kv_lora_rank: expected no key of this name (it is not one that this engine computes), found "
     "512"},
    {"/vision_dim\n", "1024",
     "vision_dim\\n: expected no key of this name (it is not one that this engine computes), found "
     "1024"},
};
INSTANTIATE_TEST_SUITE_P(OtherComputations, ConfigRefuses, testing::ValuesIn(kOtherComputations));

TEST(Config, IgnoresWhatChangesNothing) {
  Json json = Json::parse(kSmall);
  json["transformers_version"] = "4.57.1";
  json["pad_token_id"] = nullptr;
  json["kv_lora_rank"] = nullptr;
  json["n_group"] = 1;
  json["rope_scaling"]["mscale"] = 0.0;
  json["quantization_config"]["modules_to_not_convert"] = nullptr;
  EXPECT_EQ(ErrorOf(json.dump()), "accepted");
}

TEST(Config, RefusesSizesWhoseCountsOverflow) {
  constexpr int64_t kLargest = 2147483647;
  for (const char* key : {"vocab_size", "index_n_heads", "n_routed_experts", "n_shared_experts",
                          "max_position_embeddings"}) {
    Json json = SmallWith("/hidden_size", int64_t{1} << 28);
    json["head_dim"] = 64 + (int64_t{1} << 26);
    json["q_lora_rank"] = int64_t{1} << 26;
    json[key] = kLargest;
    EXPECT_THAT(ErrorOf(json.dump()), HasSubstr("expected sizes that give fewer than 2^56"));
  }
}

TEST(Config, RefusesTextThatIsNotAJsonObject) {
  EXPECT_EQ(ErrorOf(""), "config.json: not valid JSON at byte 1");
  EXPECT_EQ(ErrorOf("{\"a\": 1,}"), "config.json: not valid JSON at byte 9");
  EXPECT_EQ(ErrorOf("[]"), "config.json: expected a JSON object");
  EXPECT_EQ(ErrorOf(std::string(100000, '[')), "config.json: not valid JSON at byte 100001");
  EXPECT_THAT(ErrorOf("{\"model_type\": \"\xff\"}"), HasSubstr("not valid JSON at byte"));
}

TEST(Config, LoadsFromADirectory) {
  const base::TemporaryFolder folder;
  EXPECT_THAT(LoadConfig(folder / "absent").error().message,
              HasSubstr("/absent/config.json: cannot open"));
  ASSERT_TRUE(base::ReplaceFile(folder / "config.json", kSmall).ok());
  const auto config = LoadConfig(folder.path());
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->layers.size(), 6u);
}

}  // namespace
}  // namespace fathom::model
