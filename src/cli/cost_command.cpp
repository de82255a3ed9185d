#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/format.h"
#include "cli/json.h"
#include "cli/kv_figures.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/table.h"
#include "model/cost.h"
#include "model/presets.h"

namespace fathom::cli {
namespace {

using model::Flops;
using model::ModelConfig;
using model::TokenFlops;

constexpr const char* kV32 = "v3.2";
constexpr const char* kGqa8 = "gqa8";

struct CostOptions {
  std::vector<std::string> models;
  int64_t context = 1'000'000;
  bool json = false;
};

/// The figures of one model; what does not apply to it is absent.
struct ModelCost {
  std::string name;
  std::optional<TokenFlops> flops;
  double kv_per_token = 0;
  int64_t kv_bytes = 0;  ///< at the context, window included
  std::optional<int64_t> kv_state;
  std::optional<int64_t> kv_read;
  std::optional<int64_t> gqa8_bytes;  ///< of grouped-query attention at the same depth
};

struct NamedPart {
  const char* label;
  Flops TokenFlops::*part;
};

constexpr NamedPart kParts[] = {
    {"attention projections", &TokenFlops::attention},
    {"compressors", &TokenFlops::compressor},
    {"indexer", &TokenFlops::indexer},
    {"core attention", &TokenFlops::core_attention},
    {"routers", &TokenFlops::router},
    {"experts", &TokenFlops::experts},
    {"hyper-connections", &TokenFlops::hyper_connection},
    {"output head", &TokenFlops::head},
};

double RawFlops(const Flops& flops) { return flops.raw(); }
double EquivalentFlops(const Flops& flops) { return flops.equivalent_fp8(); }

base::Result<ModelConfig> ReadConfig(const std::string& name) {
  if (name != "flash" && name != "pro") return model::LoadConfig(name);
  FATHOM_ASSIGN(const std::string json, model::PresetConfig(name));
  return model::ParseConfig(json, name);
}

ModelCost CountV4(const std::string& name, const ModelConfig& config, int64_t context) {
  const kv::CacheBytes bytes = model::CountKvBytes(config, context);
  return {.name = name,
          .flops = model::CountTokenFlops(config, context),
          .kv_per_token = PublishedBytesPerToken(config),
          .kv_bytes = GrowingBytes(bytes) + bytes.window,
          .kv_state = bytes.compressor_state,
          .kv_read = model::CountKvBytesRead(config, context).total(),
          .gqa8_bytes = model::CountGqa8KvBytes(config, context)};
}

ModelCost CountV32(int64_t context) {
  return {.name = kV32,
          .flops = model::CountV32TokenFlops(context),
          .kv_per_token = static_cast<double>(model::CountV32KvBytes(1)),
          .kv_bytes = model::CountV32KvBytes(context),
          .kv_state = {},
          .kv_read = {},
          .gqa8_bytes = {}};
}

ModelCost CountGqa8(const ModelConfig& depth, int64_t context) {
  return {.name = kGqa8,
          .flops = {},
          .kv_per_token = static_cast<double>(model::CountGqa8KvBytes(depth, 1)),
          .kv_bytes = model::CountGqa8KvBytes(depth, context),
          .kv_state = {},
          .kv_read = {},
          .gqa8_bytes = {}};
}

/// The models in their order, and DeepSeek-V3.2 behind them unless it is among them.
base::Result<std::vector<ModelCost>> CountCosts(const CostOptions& options) {
  std::vector<ModelCost> costs;
  FATHOM_ASSIGN(ModelConfig last_config, ReadConfig("flash"));
  bool has_v32 = false;
  for (const std::string& name : options.models) {
    if (name == kV32) {
      costs.push_back(CountV32(options.context));
      has_v32 = true;
    } else if (name == kGqa8) {
      costs.push_back(CountGqa8(last_config, options.context));
    } else {
      FATHOM_ASSIGN(last_config, ReadConfig(name));
      costs.push_back(CountV4(name, last_config, options.context));
    }
  }
  if (!has_v32) costs.push_back(CountV32(options.context));
  return costs;
}

template <typename CellOf>
void AddRow(Table& table, const std::string& label, const std::vector<ModelCost>& costs,
            CellOf cell_of) {
  std::vector<std::string> cells;
  for (const ModelCost& cost : costs) cells.push_back(cell_of(cost));
  table.AddRow(label, std::move(cells));
}

std::string FormatShare(double part, double whole, int digits) {
  return whole > 0 ? fmt::format("{:.{}f} %", 100 * part / whole, digits) : "-";
}

std::string FormatShare(int64_t part, std::optional<int64_t> whole) {
  return FormatShare(static_cast<double>(part), static_cast<double>(whole.value_or(0)), 1);
}

std::string FormatBytesOr(std::optional<int64_t> bytes) {
  return bytes ? FormatBytes(static_cast<uint64_t>(*bytes)) : "-";
}

void AddFlops(Table& table, const std::vector<ModelCost>& costs, double (*measure)(const Flops&)) {
  const auto cell_of = [&](const Flops& flops) -> std::string {
    const double billions = measure(flops) / 1e9;
    if (billions == 0) return "-";
    return billions < 0.01 ? "< 0.01" : FormatDecimal(billions, 2);
  };
  for (const auto& [label, part] : kParts)
    AddRow(table, label, costs, [&, member = part](const ModelCost& cost) {
      return cost.flops ? cell_of((*cost.flops).*member) : "-";
    });
  AddRow(table, "total", costs,
         [&](const ModelCost& cost) { return cost.flops ? cell_of(cost.flops->total()) : "-"; });
}

void AddKvBytes(Table& table, const std::vector<ModelCost>& costs, int64_t context) {
  const int64_t v32 = model::CountV32KvBytes(context);
  AddRow(table, "bytes per token", costs,
         [](const ModelCost& cost) { return FormatDecimal(cost.kv_per_token, 1); });
  AddRow(table, fmt::format("at {} tokens", FormatCount(context)), costs,
         [](const ModelCost& cost) { return FormatBytes(static_cast<uint64_t>(cost.kv_bytes)); });
  AddRow(table, "share of DeepSeek-V3.2", costs,
         [&](const ModelCost& cost) { return FormatShare(cost.kv_bytes, v32); });
  AddRow(table, "share of BF16 GQA-8 of this depth", costs,
         [](const ModelCost& cost) { return FormatShare(cost.kv_bytes, cost.gqa8_bytes); });
  AddRow(table, "BF16 GQA-8 of this depth", costs,
         [](const ModelCost& cost) { return FormatBytesOr(cost.gqa8_bytes); });
  AddRow(table, "read for one token", costs,
         [](const ModelCost& cost) { return FormatBytesOr(cost.kv_read); });
  AddRow(table, "compressor state, float32", costs,
         [](const ModelCost& cost) { return FormatBytesOr(cost.kv_state); });
}

std::string FormatText(const std::vector<ModelCost>& costs, int64_t context) {
  const double v32 = model::CountV32TokenFlops(context).total().equivalent_fp8();
  Table table;
  table.AddHeading(
      fmt::format("One decoded token at a context of {} tokens", FormatCount(context)));
  AddRow(table, "", costs, [](const ModelCost& cost) { return EscapeControls(cost.name); });
  table.AddHeading("Operations (10^9; a multiply and an add are two)");
  AddFlops(table, costs, RawFlops);
  table.AddHeading("The same in FP8 equivalents (FP4 1/2, FP8 1, BF16 2, FP32 4)");
  AddFlops(table, costs, EquivalentFlops);
  AddRow(table, "share of DeepSeek-V3.2", costs, [&](const ModelCost& cost) {
    return cost.flops ? FormatShare(cost.flops->total().equivalent_fp8(), v32, 2) : "-";
  });
  table.AddHeading("KV cache of a sequence, as published (FP8, BF16 for RoPE, FP4 keys)");
  AddKvBytes(table, costs, context);
  return table.Format();
}

Json FormatFlops(const TokenFlops& flops, double v32) {
  Json json;
  for (const auto& [label, part] : kParts)
    json["parts"][label] = {{"flops", (flops.*part).raw()},
                            {"fp8_equivalent_flops", (flops.*part).equivalent_fp8()}};
  json["flops"] = flops.total().raw();
  json["fp8_equivalent_flops"] = flops.total().equivalent_fp8();
  json["share_of_v3.2"] = flops.total().equivalent_fp8() / v32;
  return json;
}

Json FormatJson(const std::vector<ModelCost>& costs, int64_t context) {
  const double v32_flops = model::CountV32TokenFlops(context).total().equivalent_fp8();
  const auto v32_bytes = static_cast<double>(model::CountV32KvBytes(context));
  Json json = {{"context", context}, {"models", Json::array()}};
  for (const ModelCost& cost : costs) {
    Json model = {{"name", cost.name}};
    if (cost.flops) model["decode"] = FormatFlops(*cost.flops, v32_flops);
    const auto bytes = static_cast<double>(cost.kv_bytes);
    Json kv = {{"bytes_per_token", cost.kv_per_token},
               {"bytes", cost.kv_bytes},
               {"share_of_v3.2", bytes / v32_bytes}};
    if (cost.gqa8_bytes) {
      kv["gqa8_bytes"] = *cost.gqa8_bytes;
      kv["share_of_gqa8"] = bytes / static_cast<double>(*cost.gqa8_bytes);
    }
    if (cost.kv_read) kv["bytes_read"] = *cost.kv_read;
    if (cost.kv_state) kv["compressor_state_bytes"] = *cost.kv_state;
    model["kv"] = kv;
    json["models"].push_back(model);
  }
  return json;
}

base::Result<ExitCode> PrintCost(CostOptions options) {
  if (options.models.empty()) options.models = {"flash", "pro"};
  FATHOM_ASSIGN(const auto costs, CountCosts(options));
  FATHOM_TRY(WriteOutput(options.json ? DumpJson(FormatJson(costs, options.context))
                                      : FormatText(costs, options.context)));
  return ExitCode::kSuccess;
}

}  // namespace

void AddCostCommand(CommandLine& command_line) {
  const auto options = std::make_shared<CostOptions>();
  CLI::App& app = command_line.Add(
      {.name = "cost",
       .group = kModelGroup,
       .summary = "Count what a token costs in operations and cache bytes",
       .details =
           "A MODEL is flash or pro (DeepSeek-V4), v3.2 (DeepSeek-V3.2), gqa8 (the cache of\n"
           "grouped-query attention with 8 heads of 128 in BF16, as deep as the V4 model\n"
           "named before it), or a directory with a config.json. Everything is counted\n"
           "from the configuration, by the rules behind DeepSeek's published figures;\n"
           "embedding, norms, softmax and the MTP layers are not counted.",
       .examples = "fathom cost\n"
                   "fathom cost --model models/default --model flash --context 131072"},
      [options] { return PrintCost(*options); });
  AddTexts(app, "--model", "MODEL",
           "A model to count; may be given again\n(default: flash and pro)", &options->models);
  // A thousand times what the models were made for; counts of bytes stay far within 63 bits.
  AddInteger(app, "--context", {1, 1'000'000'000},
             "Tokens of context, the new one included\n(default: 1000000)",
             [options](int64_t context) { options->context = context; });
  AddFlag(app, "--json", "Print JSON", &options->json);
}

}  // namespace fathom::cli
