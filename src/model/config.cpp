#include "model/config.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <span>
#include <utility>

#include "base/file.h"
#include "kernels/kernel_table.h"

namespace fathom::model {
namespace {

using base::Error;
using base::MakeError;
using base::Result;
using base::Status;
using Json = nlohmann::json;

constexpr int64_t kMaxSize = std::numeric_limits<int32_t>::max();
constexpr size_t kMaxFileBytes = size_t{1} << 24;

/// An integer of the file that goes into ModelConfig under the same name.
struct IntegerKey {
  const char* key;
  int64_t ModelConfig::*field;
  int64_t min = 1;
  int64_t multiple_of = 1;
  int64_t max = kMaxSize;
};

// No tensor's shape bounds these. The limits are 64 times and more what the published models have;
// beyond them a cache or a pass would take all memory or all time before anything fails.
constexpr int64_t kMaxWindow = int64_t{1} << 20;
constexpr int64_t kMaxTopk = int64_t{1} << 16;
constexpr int64_t kMaxSinkhornIterations = 1 << 12;

// Inputs of quantised linears are cut into blocks of 128; key rows are read 16 elements at a time.
constexpr IntegerKey kIntegerKeys[] = {
    {"hidden_size", &ModelConfig::hidden_size, 1, 128},
    {"num_hidden_layers", &ModelConfig::num_hidden_layers},
    {"num_nextn_predict_layers", &ModelConfig::num_nextn_predict_layers, 0},
    {"num_attention_heads", &ModelConfig::num_attention_heads},
    {"head_dim", &ModelConfig::head_dim, 1, 16},
    {"qk_rope_head_dim", &ModelConfig::qk_rope_head_dim, 1, 16},
    {"q_lora_rank", &ModelConfig::q_lora_rank, 1, 128},
    {"o_groups", &ModelConfig::o_groups},
    {"o_lora_rank", &ModelConfig::o_lora_rank},
    {"sliding_window", &ModelConfig::sliding_window, 1, 1, kMaxWindow},
    {"index_n_heads", &ModelConfig::index_n_heads},
    {"index_head_dim", &ModelConfig::index_head_dim, 32, 1, kernels::kMaxIndexDim},
    {"index_topk", &ModelConfig::index_topk, 1, 1, kMaxTopk},
    {"n_routed_experts", &ModelConfig::n_routed_experts},
    {"num_experts_per_tok", &ModelConfig::num_experts_per_tok},
    {"n_shared_experts", &ModelConfig::n_shared_experts},
    {"moe_intermediate_size", &ModelConfig::moe_intermediate_size, 1, 128},
    {"num_hash_layers", &ModelConfig::num_hash_layers, 0},
    {"hc_mult", &ModelConfig::hc_mult, 1, 1, kernels::kMaxStreams},
    {"hc_sinkhorn_iters", &ModelConfig::hc_sinkhorn_iters, 1, 1, kMaxSinkhornIterations},
    {"vocab_size", &ModelConfig::vocab_size},
    {"max_position_embeddings", &ModelConfig::max_position_embeddings},
    {"bos_token_id", &ModelConfig::bos_token_id, 0},
    {"eos_token_id", &ModelConfig::eos_token_id, 0},
};

/// A positive number of the file that goes into ModelConfig under the same name.
struct FloatKey {
  const char* key;
  float ModelConfig::*field;
};

constexpr FloatKey kFloatKeys[] = {
    {"routed_scaling_factor", &ModelConfig::routed_scaling_factor},
    {"swiglu_limit", &ModelConfig::swiglu_limit},
    {"hc_eps", &ModelConfig::hc_eps},
    {"rms_norm_eps", &ModelConfig::rms_norm_eps},
};

/// A key that selects a computation, and the one value that this engine computes, as JSON text.
struct FixedKey {
  const char* key;
  const char* value;
};

// The type comes first: a file of another family should be told so, whatever else it lacks.
constexpr FixedKey kFixedKeys[] = {
    {"model_type", R"("deepseek_v4")"},
    {"hidden_act", R"("silu")"},
    {"scoring_func", R"("sqrtsoftplus")"},
    {"topk_method", R"("noaux_tc")"},
    {"norm_topk_prob", "true"},
    {"attention_bias", "false"},
    {"tie_word_embeddings", "false"},
    {"num_key_value_heads", "1"},
};

constexpr FixedKey kQuantizationKeys[] = {
    {"quant_method", R"("fp8")"},          {"fmt", R"("e4m3")"},
    {"scale_fmt", R"("ue8m0")"},           {"weight_block_size", "[128,128]"},
    {"activation_scheme", R"("dynamic")"},
};

constexpr FixedKey kRopeType = {"type", R"("yarn")"};
constexpr const char* kRopeNumbers[] = {"factor", "original_max_position_embeddings", "beta_fast",
                                        "beta_slow"};

// Keys that configurations of related models carry, each with the value that changes nothing here.
// YaRN's magnitude is 1 + 0.1 mscale ln(factor), so an mscale of 0 is the neutral one.
constexpr FixedKey kNeutralKeys[] = {
    {"n_group", "1"},        {"topk_group", "1"}, {"first_k_dense_replace", "0"},
    {"moe_layer_freq", "1"}, {"mscale", "0"},     {"mscale_all_dim", "0"},
};
constexpr FixedKey kNeutralRopeKeys[] = {
    {"mscale", "0"}, {"mscale_all_dim", "0"}, {"attention_factor", "1"}, {"truncate", "true"}};

// How the names of keys begin that shape the computation, in this family and those around it.
constexpr const char* kSemanticPrefixes[] = {
    "attention_", "attn_",         "candidate_", "compress_", "dspark_",  "engram_",
    "expert_",    "final_",        "first_k_",   "hash_",     "hc_",      "head_",
    "hidden_",    "index_",        "kv_",        "layer_",    "logit",    "mlp_",
    "moe_",       "intermediate_", "mscale",     "n_",        "norm_",    "num_",
    "o_",         "partial_",      "q_",         "qk_",       "quant",    "rope_",
    "rotary_",    "routed_",       "scale_",     "scoring_",  "sliding_", "swiglu_",
    "text_",      "topk_",         "v_head_",    "vision_",
};
// Keys that begin so and are read one by one, or that only training depends on.
constexpr const char* kOtherKeys[] = {"attention_dropout", "compress_ratios", "compress_rope_theta",
                                      "expert_dtype",      "rope_theta",      "quantization_config",
                                      "rope_scaling"};

template <typename Table>
bool Contains(const Table& table, std::string_view key) {
  return std::any_of(std::begin(table), std::end(table),
                     [&](const auto& entry) { return entry.key == key; });
}

template <size_t N>
bool Contains(const char* const (&table)[N], std::string_view key) {
  return std::find(std::begin(table), std::end(table), key) != std::end(table);
}

/// A value as an error message shows it: one short line of ASCII.
std::string Show(const Json& value) {
  constexpr size_t kMaxShown = 60;
  if (value.is_object()) return "an object";
  if (value.is_array() && value.size() > 4) return fmt::format("a list of {}", value.size());
  for (const Json& item : value.is_array() ? value : Json::array()) {
    if (item.is_structured()) return "a list of lists or objects";
  }
  std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true);
  if (text.size() > kMaxShown) text = text.substr(0, kMaxShown) + "...";
  return text;
}

/// One JSON object of the file, and how errors call it.
class Section {
 public:
  /// `name` goes before the key in errors: "config.json: rope_scaling.".
  Section(const Json& object, std::string name) : object_(object), name_(std::move(name)) {}

  const Json& object() const { return object_; }

  /// The value of `key`, or null where there is none.
  const Json& Find(const char* key) const {
    static const Json kNothing;
    const auto it = object_.find(key);
    return it == object_.end() ? kNothing : *it;
  }

  Error Mismatch(std::string_view key, std::string_view expected, const Json& found) const {
    return MakeError("{}{}: expected {}, found {}", name_, key, expected,
                     found.is_null() ? "nothing" : Show(found));
  }
  Error Mismatch(const char* key, std::string_view expected) const {
    return Mismatch(key, expected, Find(key));
  }

  Result<Section> Child(const char* key) const {
    if (!Find(key).is_object()) return Mismatch(key, "an object");
    return Section(Find(key), fmt::format("{}{}.", name_, key));
  }

  Result<int64_t> Integer(const IntegerKey& entry) const {
    const Json& value = Find(entry.key);
    // An unsigned value above int64 wraps to a negative one here, which no key allows.
    const int64_t number = value.is_number_integer() ? value.get<int64_t>() : -1;
    if (number >= entry.min && number <= entry.max && number % entry.multiple_of == 0)
      return number;
    const std::string kind =
        entry.multiple_of == 1 ? "an integer" : fmt::format("a multiple of {}", entry.multiple_of);
    return Mismatch(entry.key, fmt::format("{} from {} to {}", kind, entry.min, entry.max));
  }

  /// A number that is positive and finite as float32 too.
  Result<double> Positive(const char* key) const {
    const Json& value = Find(key);
    const double number = value.is_number() ? value.get<double>() : 0;
    const bool in_range =
        number >= std::numeric_limits<float>::min() && number <= std::numeric_limits<float>::max();
    if (!in_range) return Mismatch(key, "a positive float32");
    return number;
  }

  Status Equals(const FixedKey& fixed) const {
    if (Find(fixed.key) == Json::parse(fixed.value)) return {};
    return Mismatch(fixed.key, fixed.value);
  }

  /// Success where `key` changes nothing: it is null, or has its neutral value.
  Status RequireNeutral(const std::string& key, std::span<const FixedKey> neutral) const {
    const Json& value = object_.at(key);
    if (value.is_null()) return {};
    for (const FixedKey& fixed : neutral) {
      if (fixed.key == key) return Equals(fixed);
    }
    const std::string shown = Show(Json(key));
    return Mismatch(std::string_view(shown).substr(1, shown.size() - 2),
                    "no key of this name (it is not one that this engine computes)", value);
  }

 private:
  const Json& object_;
  std::string name_;
};

bool IsSemantic(const std::string& key) {
  return std::any_of(std::begin(kSemanticPrefixes), std::end(kSemanticPrefixes),
                     [&](const char* prefix) { return key.starts_with(prefix); });
}

Status RefuseUnknownKeys(const Section& root) {
  for (const auto& [key, value] : root.object().items()) {
    const bool known = Contains(kIntegerKeys, key) || Contains(kFloatKeys, key) ||
                       Contains(kFixedKeys, key) || Contains(kOtherKeys, key);
    if (!known && IsSemantic(key)) FATHOM_TRY(root.RequireNeutral(key, kNeutralKeys));
  }
  return {};
}

Status CheckQuantization(const Section& root) {
  FATHOM_ASSIGN(const Section section, root.Child("quantization_config"));
  for (const FixedKey& fixed : kQuantizationKeys) FATHOM_TRY(section.Equals(fixed));
  for (const auto& [key, value] : section.object().items()) {
    if (!Contains(kQuantizationKeys, key)) FATHOM_TRY(section.RequireNeutral(key, {}));
  }
  return {};
}

Result<ExpertFormat> ReadExpertFormat(const Section& root) {
  const Json& value = root.Find("expert_dtype");
  if (value.is_null() || value == "fp8") return ExpertFormat::kFp8;
  if (value == "fp4") return ExpertFormat::kFp4;
  return root.Mismatch("expert_dtype", R"("fp4", "fp8" or nothing)");
}

/// The rotary embedding of the layers that compress.
Result<RopePlan> ReadCompressedRope(const Section& root) {
  RopePlan rope;
  FATHOM_ASSIGN(rope.theta, root.Positive("compress_rope_theta"));
  FATHOM_ASSIGN(const Section section, root.Child("rope_scaling"));
  FATHOM_TRY(section.Equals(kRopeType));
  for (const auto& [key, value] : section.object().items()) {
    if (key == kRopeType.key || Contains(kRopeNumbers, key)) continue;
    FATHOM_TRY(section.RequireNeutral(key, kNeutralRopeKeys));
  }
  FATHOM_ASSIGN(rope.factor, section.Positive("factor"));
  FATHOM_ASSIGN(rope.original_positions, section.Positive("original_max_position_embeddings"));
  FATHOM_ASSIGN(rope.beta_fast, section.Positive("beta_fast"));
  FATHOM_ASSIGN(rope.beta_slow, section.Positive("beta_slow"));
  if (rope.factor < 1) return section.Mismatch("factor", "at least 1");
  if (rope.beta_slow > rope.beta_fast) return section.Mismatch("beta_slow", "at most beta_fast");
  rope.yarn = rope.factor != 1;
  return rope;
}

Result<std::vector<int>> ReadCompressRatios(const Section& root, const ModelConfig& config) {
  constexpr const char* kKey = "compress_ratios";
  const Json& list = root.Find(kKey);
  const int64_t count = config.num_hidden_layers + config.num_nextn_predict_layers;
  if (!list.is_array() || static_cast<int64_t>(list.size()) != count) {
    return root.Mismatch(kKey, fmt::format("a list of {}, one for each of num_hidden_layers and "
                                           "num_nextn_predict_layers",
                                           count));
  }
  std::vector<int> ratios;
  for (const Json& ratio : list) {
    const bool mtp = static_cast<int64_t>(ratios.size()) >= config.num_hidden_layers;
    const bool compresses = ratio.is_number_integer() && (ratio == 4 || ratio == 128);
    const bool allowed = (ratio.is_number_integer() && ratio == 0) || (compresses && !mtp);
    if (!allowed) {
      return root.Mismatch(fmt::format("{}[{}]", kKey, ratios.size()),
                           mtp ? "0 (an MTP layer attends to its window)" : "0, 4 or 128", ratio);
    }
    ratios.push_back(ratio.get<int>());
  }
  return ratios;
}

/// What the sizes must be to each other.
Status CheckShapes(const Section& root, const ModelConfig& c) {
  const struct {
    const char* key;
    bool holds;
    std::string expected;
  } rules[] = {
      {"num_nextn_predict_layers", c.num_nextn_predict_layers <= 1, "0 or 1"},
      {"num_attention_heads", c.num_attention_heads % c.o_groups == 0,
       fmt::format("a multiple of o_groups ({})", c.o_groups)},
      {"head_dim", c.head_dim > c.qk_rope_head_dim && (c.head_dim - c.qk_rope_head_dim) % 64 == 0,
       fmt::format("qk_rope_head_dim ({}) plus a multiple of 64", c.qk_rope_head_dim)},
      {"num_attention_heads", c.num_attention_heads / c.o_groups * c.head_dim % 128 == 0,
       "heads that give each of o_groups a multiple of 128 elements"},
      {"o_lora_rank", c.o_groups * c.o_lora_rank % 128 == 0,
       fmt::format("a multiple of {}", 128 / std::gcd(c.o_groups, int64_t{128}))},
      {"index_head_dim", std::has_single_bit(static_cast<uint64_t>(c.index_head_dim)),
       "a power of two"},
      {"index_head_dim", c.index_head_dim >= c.qk_rope_head_dim,
       fmt::format("at least qk_rope_head_dim ({})", c.qk_rope_head_dim)},
      {"num_experts_per_tok", c.num_experts_per_tok <= c.n_routed_experts,
       fmt::format("at most n_routed_experts ({})", c.n_routed_experts)},
      {"num_hash_layers", c.num_hash_layers <= c.num_hidden_layers,
       fmt::format("at most num_hidden_layers ({})", c.num_hidden_layers)},
      {"bos_token_id", c.bos_token_id < c.vocab_size,
       fmt::format("less than vocab_size ({})", c.vocab_size)},
      {"eos_token_id", c.eos_token_id < c.vocab_size,
       fmt::format("less than vocab_size ({})", c.vocab_size)},
  };
  for (const auto& rule : rules) {
    if (!rule.holds) return root.Mismatch(rule.key, rule.expected);
  }
  return {};
}

bool ProductIsBelow(int64_t limit, const std::vector<int64_t>& factors) {
  int64_t product = 1;
  for (const int64_t factor : factors) {
    if (__builtin_mul_overflow(product, factor, &product) || product >= limit) return false;
  }
  return true;
}

/// Keeps every count and byte size that is computed from the sizes within int64, sums included.
Status CheckTotals(const Section& root, const ModelConfig& c) {
  constexpr int64_t kLimit = int64_t{1} << 56;
  constexpr int64_t kCompressorRows = 4;  // values and gates, each twice the head where overlapped
  const int64_t layers = c.num_hidden_layers + c.num_nextn_predict_layers;
  const int64_t heads = c.num_attention_heads;
  const int64_t hc = c.hc_mult;
  const struct {
    const char* key;
    std::vector<int64_t> factors;
  } products[] = {
      {"vocab_size", {c.vocab_size, c.hidden_size}},
      {"num_experts_per_tok", {c.vocab_size, c.num_experts_per_tok, layers}},
      {"q_lora_rank", {layers, c.q_lora_rank, c.hidden_size}},
      {"num_attention_heads", {layers, heads, c.head_dim, c.q_lora_rank}},
      {"o_lora_rank", {layers, heads, c.head_dim, c.o_lora_rank}},
      {"o_groups", {layers, c.o_groups, c.o_lora_rank, c.hidden_size}},
      {"head_dim", {layers, kCompressorRows, c.head_dim, c.hidden_size}},
      {"index_n_heads", {layers, c.index_n_heads, c.index_head_dim, c.q_lora_rank}},
      {"index_head_dim",
       {layers, kCompressorRows, c.index_n_heads + c.index_head_dim, c.hidden_size}},
      {"n_routed_experts", {layers, c.n_routed_experts, c.moe_intermediate_size, c.hidden_size}},
      {"n_shared_experts", {layers, c.n_shared_experts, c.moe_intermediate_size, c.hidden_size}},
      {"hc_mult", {layers, 2 + hc, hc, hc, c.hidden_size}},
      {"sliding_window", {layers, c.sliding_window, c.head_dim + c.index_head_dim}},
      {"max_position_embeddings",
       {layers, c.max_position_embeddings, c.head_dim + c.index_head_dim}},
  };
  for (const auto& product : products) {
    if (!ProductIsBelow(kLimit, product.factors)) {
      return root.Mismatch(product.key, "sizes that give fewer than 2^56 elements in all");
    }
  }
  return {};
}

LayerPlan PlanLayer(const ModelConfig& config, size_t layer, const RopePlan& window_rope,
                    const RopePlan& compressed_rope) {
  LayerPlan plan;
  plan.compress_ratio = config.compress_ratios[layer];
  plan.attention = plan.compress_ratio == 0   ? AttentionKind::kWindow
                   : plan.compress_ratio == 4 ? AttentionKind::kCsa
                                              : AttentionKind::kHca;
  plan.overlapped = plan.attention == AttentionKind::kCsa;
  plan.rope = plan.attention == AttentionKind::kWindow ? window_rope : compressed_rope;
  // num_hash_layers <= num_hidden_layers, so an MTP layer is never among them.
  const bool hashed = static_cast<int64_t>(layer) < config.num_hash_layers;
  plan.router = hashed ? RouterKind::kHash : RouterKind::kScored;
  return plan;
}

Result<ModelConfig> ReadConfig(const Section& root) {
  ModelConfig config;
  for (const FixedKey& fixed : kFixedKeys) FATHOM_TRY(root.Equals(fixed));
  FATHOM_TRY(RefuseUnknownKeys(root));
  FATHOM_TRY(CheckQuantization(root));
  for (const IntegerKey& entry : kIntegerKeys) {
    FATHOM_ASSIGN(config.*entry.field, root.Integer(entry));
  }
  for (const FloatKey& entry : kFloatKeys) {
    FATHOM_ASSIGN(const double number, root.Positive(entry.key));
    config.*entry.field = static_cast<float>(number);
  }
  FATHOM_ASSIGN(config.expert_format, ReadExpertFormat(root));
  FATHOM_TRY(CheckShapes(root, config));
  FATHOM_TRY(CheckTotals(root, config));
  FATHOM_ASSIGN(config.compress_ratios, ReadCompressRatios(root, config));

  RopePlan window_rope;
  FATHOM_ASSIGN(window_rope.theta, root.Positive("rope_theta"));
  FATHOM_ASSIGN(const RopePlan compressed_rope, ReadCompressedRope(root));
  for (size_t layer = 0; layer < config.compress_ratios.size(); ++layer) {
    config.layers.push_back(PlanLayer(config, layer, window_rope, compressed_rope));
  }
  return config;
}

}  // namespace

Result<ModelConfig> ParseConfig(std::string_view json, const std::string& source) {
  Json document;
  try {
    document = Json::parse(json);
  } catch (const Json::exception& error) {
    const auto* parse_error = dynamic_cast<const Json::parse_error*>(&error);
    return MakeError("{}: not valid JSON at byte {}", source,
                     parse_error == nullptr ? json.size() : parse_error->byte);
  }
  if (!document.is_object()) return MakeError("{}: expected a JSON object", source);
  return ReadConfig(Section(document, source + ": "));
}

Result<ModelConfig> LoadConfig(const std::string& directory) {
  const std::string path = directory + "/config.json";
  FATHOM_ASSIGN(const std::string text, base::ReadFile(path, kMaxFileBytes));
  return ParseConfig(text, path);
}

}  // namespace fathom::model
