#include "measure/attention_bench.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "base/available_memory.h"
#include "measure/stopwatch.h"
#include "tensor/matrix.h"

namespace fathom::measure {
namespace {

using Kind = AttentionLayer::Kind;

constexpr int64_t kV32Layers = 61;

Kind KindOf(model::AttentionKind attention) {
  switch (attention) {
    case model::AttentionKind::kWindow:
      return Kind::kWindow;
    case model::AttentionKind::kCsa:
      return Kind::kCsa;
    case model::AttentionKind::kHca:
      return Kind::kHca;
  }
  return Kind::kWindow;
}

ComparedModel ListV4(const std::string& name, const model::ModelConfig& config) {
  ComparedModel model = {.name = name, .layers = {}};
  for (int64_t l = 0; l < config.num_hidden_layers; ++l) {
    const model::LayerPlan& plan = config.layers[static_cast<size_t>(l)];
    const Kind kind = KindOf(plan.attention);
    const auto same = std::find_if(model.layers.begin(), model.layers.end(),
                                   [&](const auto& layers) { return layers.layer.kind == kind; });
    if (same != model.layers.end())
      ++same->count;
    else
      model.layers.push_back(
          {{.kind = kind, .heads = config.num_attention_heads, .v4 = &config, .plan = &plan}, 1});
  }
  return model;
}

ComparedModel ListGqa(const std::string& name, const model::ModelConfig& config) {
  return {.name = name,
          .layers = {{{.kind = Kind::kGroupedQuery, .heads = config.num_attention_heads},
                      config.num_hidden_layers}}};
}

class OtherMemory {
 public:
  explicit OtherMemory(const AttentionSetting& setting)
      : setting_(setting),
        memory_(setting.pool.size(), setting.other_bytes / setting.pool.size() /
                                         kernels::kProbeGrain * kernels::kProbeGrain) {
    // Untouched memory is one page of zeros.
    setting.pool.Run([&](int worker) {
      std::memset(memory_.row(worker), 1, static_cast<size_t>(memory_.cols()));
    });
  }
  void Read() const {
    std::atomic<uint32_t> sum{0};
    setting_.pool.Run([&](int worker) {
      sum += setting_.kernels.probe_read(memory_.row(worker), memory_.cols());
    });
  }

 private:
  const AttentionSetting& setting_;
  tensor::Matrix<std::byte> memory_;
};

// However long one takes.
constexpr size_t kLeastSteps = 5;

base::Result<double> MeasureLayer(const AttentionSetting& setting, const AttentionLayer& layer,
                                  int64_t context, const OtherMemory& other) {
  const auto attention = MakeAttentionCase(setting, layer, context);
  attention->Run();
  FATHOM_TRY(attention->Check());
  std::vector<double> steps;
  const Stopwatch all;
  while (steps.size() < kLeastSteps || all.seconds() < setting.least_seconds) {
    other.Read();
    const Stopwatch step;
    attention->Run();
    steps.push_back(step.seconds());
  }
  return Median(steps);
}

template <typename Of>
auto SumLayers(const std::vector<MeasuredLayer>& layers, Of of) {
  decltype(of(layers.front())) sum{};
  for (const MeasuredLayer& layer : layers)
    sum += static_cast<decltype(sum)>(layer.count) * of(layer);
  return sum;
}

}  // namespace

std::vector<ComparedModel> ListComparedModels(const model::ModelConfig& flash,
                                              const model::ModelConfig& pro) {
  return {ListV4("V4-Flash", flash),
          ListV4("V4-Pro", pro),
          {.name = "V3.2", .layers = {{{.kind = Kind::kSparseMla}, kV32Layers}}},
          ListGqa("GQA-8 as Flash", flash),
          ListGqa("GQA-8 as Pro", pro)};
}

double AttentionRow::seconds() const {
  return SumLayers(layers, [](const MeasuredLayer& layer) { return layer.seconds; });
}
int64_t AttentionRow::cache_bytes() const {
  return SumLayers(layers, [](const MeasuredLayer& layer) { return layer.work.cache_bytes; });
}
int64_t AttentionRow::bytes_read() const {
  return SumLayers(layers, [](const MeasuredLayer& layer) { return layer.work.bytes_read; });
}
double AttentionRow::macs() const {
  return SumLayers(layers, [](const MeasuredLayer& layer) { return layer.work.macs; });
}

base::Result<AttentionRow> MeasureAttention(const AttentionSetting& setting,
                                            const ComparedModel& model, int64_t context) {
  AttentionRow row = {.context = context, .model = model.name, .layers = {}};
  double largest = 0;
  for (const ComparedModel::Layers& layers : model.layers) {
    const AttentionWork work = CountWork(layers.layer, context);
    row.layers.push_back({.kind = layers.layer.kind, .count = layers.count, .work = work});
    largest = std::max(largest, static_cast<double>(work.cache_bytes));
  }
  // An eighth more: scores, results of spans, and the pointers that a check takes.
  const double need = largest * 1.125 + 2 * static_cast<double>(setting.other_bytes);
  const auto available = static_cast<double>(base::AvailableMemory());
  if (need > available) {
    row.skipped = fmt::format("a layer needs {:.1f} GB of memory, {:.1f} GB are available",
                              need / 1e9, available / 1e9);
    return row;
  }
  const OtherMemory other(setting);
  for (size_t i = 0; i < row.layers.size(); ++i) {
    FATHOM_ASSIGN(row.layers[i].seconds,
                  MeasureLayer(setting, model.layers[i].layer, context, other));
  }
  return row;
}

}  // namespace fathom::measure
