#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "cli/format.h"
#include "cli/inspection.h"
#include "cli/output.h"
#include "tensor/dtype.h"

namespace fathom::cli {
namespace {

using model::AttentionKind;
using model::LayerPlan;
using model::ModelConfig;

std::string NameAttention(AttentionKind kind) {
  switch (kind) {
    case AttentionKind::kWindow:
      return "window";
    case AttentionKind::kCsa:
      return "CSA";
    case AttentionKind::kHca:
      return "HCA";
  }
  return {};
}

std::string NameRouter(const LayerPlan& plan) {
  return plan.router == model::RouterKind::kHash ? "hash" : "scored";
}

std::string NameExperts(const ModelConfig& config) {
  return config.expert_format == model::ExpertFormat::kFp4 ? "FP4" : "FP8";
}

bool IsMtp(const ModelConfig& config, size_t layer) {
  return static_cast<int64_t>(layer) >= config.num_hidden_layers;
}

/// "CSA, 4 tokens a row; scored router"
std::string DescribePlan(const LayerPlan& plan) {
  std::string text = NameAttention(plan.attention);
  if (plan.compress_ratio > 0) text += fmt::format(", {} tokens a row", plan.compress_ratio);
  return fmt::format("{}; {} router", text, NameRouter(plan));
}

/// "0, 1" or, where the steps are equal, "4, 6, ... 42".
std::string FormatLayers(const std::vector<size_t>& layers) {
  const auto differs = [&](size_t i) { return layers[i] - layers[i - 1] != layers[1] - layers[0]; };
  bool even = layers.size() > 3;
  for (size_t i = 2; i < layers.size() && even; ++i) even = !differs(i);
  if (even) return fmt::format("{}, {}, ... {}", layers[0], layers[1], layers.back());
  return fmt::format("{}", fmt::join(layers, ", "));
}

std::string FormatLine(const std::string& label, const std::string& value) {
  return fmt::format("  {:<20}  {}\n", label, value);
}

std::string FormatConfig(const ModelConfig& c) {
  std::string text = "Configuration\n";
  text += FormatLine("layers", c.num_nextn_predict_layers == 0
                                   ? fmt::format("{}", c.num_hidden_layers)
                                   : fmt::format("{} and {} for MTP", c.num_hidden_layers,
                                                 c.num_nextn_predict_layers));
  text += FormatLine("hidden size",
                     fmt::format("{} in {} streams", FormatCount(c.hidden_size), c.hc_mult));
  text += FormatLine("heads", fmt::format("{} of {}, {} of them rotary", c.num_attention_heads,
                                          c.head_dim, c.qk_rope_head_dim));
  text += FormatLine("window", fmt::format("{} tokens", FormatCount(c.sliding_window)));
  text += FormatLine("indexer", fmt::format("{} heads of {}, picks {} rows", c.index_n_heads,
                                            c.index_head_dim, FormatCount(c.index_topk)));
  text +=
      FormatLine("experts", fmt::format("{} in {}, {} a token, {} shared; width {}",
                                        c.n_routed_experts, NameExperts(c), c.num_experts_per_tok,
                                        c.n_shared_experts, FormatCount(c.moe_intermediate_size)));
  text += FormatLine("vocabulary", FormatCount(c.vocab_size));
  text += FormatLine("context", FormatCount(c.max_position_embeddings) + " tokens");
  return text;
}

std::string FormatPlans(const ModelConfig& config) {
  std::vector<std::pair<std::string, std::vector<size_t>>> kinds;
  for (size_t layer = 0; layer < config.layers.size(); ++layer) {
    const std::string kind =
        (IsMtp(config, layer) ? "MTP: " : "") + DescribePlan(config.layers[layer]);
    auto found = std::ranges::find(kinds, kind, [](const auto& entry) { return entry.first; });
    if (found == kinds.end()) found = kinds.insert(found, {kind, {}});
    found->second.push_back(layer);
  }
  std::string text = "\nLayers\n";
  for (const auto& [kind, layers] : kinds) text += FormatLine(FormatLayers(layers), kind);
  return text;
}

std::string FormatParameters(const model::ParameterCount& count) {
  std::string text = "\nParameters\n";
  text += FormatLine("total", FormatMagnitude(count.backbone));
  text += FormatLine("active for a token", FormatMagnitude(count.active));
  if (count.mtp > 0) text += FormatLine("MTP, beside these", FormatMagnitude(count.mtp));
  return text;
}

std::string DescribeType(tensor::DType type) {
  // The one type that is not what its name says: the format has no name for pairs of E2M1.
  return type == tensor::DType::kI8 ? "I8 (pairs of FP4)" : std::string(tensor::NameOf(type));
}

std::string FormatWeights(const model::LoadReport& report) {
  std::string text = "\nWeights\n";
  uint64_t total = 0;
  for (const auto& [type, bytes] : report.in_place_bytes) total += bytes;
  text += FormatLine("used in place", FormatBytes(total));
  for (const auto& [type, bytes] : report.in_place_bytes)
    text += FormatLine("  " + DescribeType(type), FormatBytes(bytes));
  return text + FormatLine("repacked in memory", FormatBytes(report.repacked_bytes));
}

std::string FormatKv(const Inspection& inspection) {
  std::string text = "\nKV cache\n";
  text += FormatLine("a token, published",
                     FormatDecimal(inspection.published_kv_per_token, 1) + " bytes");
  text += FormatLine("a token, here", FormatDecimal(inspection.engine_kv_per_token, 1) +
                                          " bytes (RoPE dimensions are float32)");
  return text + FormatLine("a sequence, fixed",
                           FormatBytes(static_cast<uint64_t>(inspection.engine_kv_fixed)) +
                               " for window and compressors");
}

Json PlanToJson(const ModelConfig& config, size_t layer) {
  const LayerPlan& plan = config.layers[layer];
  return {{"layer", layer},
          {"attention", NameAttention(plan.attention)},
          {"compress_ratio", plan.compress_ratio},
          {"router", NameRouter(plan)},
          {"mtp", IsMtp(config, layer)}};
}

Json ConfigToJson(const ModelConfig& c) {
  return {{"num_hidden_layers", c.num_hidden_layers},
          {"num_nextn_predict_layers", c.num_nextn_predict_layers},
          {"hidden_size", c.hidden_size},
          {"hc_mult", c.hc_mult},
          {"num_attention_heads", c.num_attention_heads},
          {"head_dim", c.head_dim},
          {"qk_rope_head_dim", c.qk_rope_head_dim},
          {"sliding_window", c.sliding_window},
          {"index_n_heads", c.index_n_heads},
          {"index_head_dim", c.index_head_dim},
          {"index_topk", c.index_topk},
          {"n_routed_experts", c.n_routed_experts},
          {"num_experts_per_tok", c.num_experts_per_tok},
          {"n_shared_experts", c.n_shared_experts},
          {"moe_intermediate_size", c.moe_intermediate_size},
          {"expert_format", NameExperts(c)},
          {"vocab_size", c.vocab_size},
          {"max_position_embeddings", c.max_position_embeddings}};
}

Json WeightsToJson(const model::LoadReport& report) {
  Json in_place = Json::object();
  for (const auto& [type, bytes] : report.in_place_bytes)
    in_place[std::string(tensor::NameOf(type))] = bytes;
  return {{"in_place_bytes", in_place},
          {"repacked_bytes", report.repacked_bytes},
          {"unknown_tensors", report.unknown_tensors}};
}

}  // namespace

std::string FormatInspection(const Inspection& inspection) {
  std::string text = EscapeControls(inspection.directory) + "\n\n";
  text += FormatConfig(inspection.config) + FormatPlans(inspection.config);
  text += FormatParameters(inspection.parameters) + FormatWeights(inspection.weights);
  text += FormatKv(inspection);
  text += "\nInstruction sets\n";
  text += FormatLine("in use", inspection.isa);
  text += FormatLine("supported", fmt::format("{}", fmt::join(inspection.isas, ", ")));
  text += "\nProblems\n";
  if (inspection.problems.empty()) text += "  none\n";
  for (const std::string& problem : inspection.problems)
    text += "  " + EscapeControls(problem) + "\n";
  return text;
}

Json InspectionToJson(const Inspection& inspection) {
  Json layers = Json::array();
  for (size_t layer = 0; layer < inspection.config.layers.size(); ++layer)
    layers.push_back(PlanToJson(inspection.config, layer));
  return {{"directory", inspection.directory},
          {"config", ConfigToJson(inspection.config)},
          {"layers", layers},
          {"parameters",
           {{"backbone", inspection.parameters.backbone},
            {"active", inspection.parameters.active},
            {"mtp", inspection.parameters.mtp}}},
          {"weights", WeightsToJson(inspection.weights)},
          {"kv",
           {{"published_bytes_per_token", inspection.published_kv_per_token},
            {"bytes_per_token", inspection.engine_kv_per_token},
            {"fixed_bytes", inspection.engine_kv_fixed}}},
          {"isa", {{"in_use", inspection.isa}, {"supported", inspection.isas}}},
          {"has_tokenizer", inspection.has_tokenizer},
          {"problems", inspection.problems}};
}

}  // namespace fathom::cli
