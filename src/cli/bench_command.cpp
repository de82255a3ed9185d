#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/available_memory.h"
#include "base/thread_pool.h"
#include "cli/attention_report.h"
#include "cli/bench_report.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/model_options.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/report_options.h"
#include "kernels/dispatch.h"
#include "measure/attention_bench.h"
#include "measure/ceilings.h"
#include "measure/machine.h"
#include "measure/model_bench.h"
#include "model/model.h"
#include "model/presets.h"
#include "model/weights_loader.h"

namespace fathom::cli {
namespace {

struct BenchOptions {
  std::string model;
  std::vector<int64_t> contexts = {144, 4096, 32768, 131072, 524288, 1048576};
  bool default_contexts = true;
  std::vector<int64_t> batches = {1, 8};
  measure::ModelBenchOptions measure;
  uint64_t expert_memory = 0;
  int threads = 0;
  PlacementFlags placement;
  OutputFormat format = OutputFormat::kText;
  std::string plot;
  bool attention_only = false;
};

// A multiple of every cache there is, where there is memory for it.
constexpr int64_t kReadBuffer = int64_t{1} << 30;

measure::CeilingMeter MakeMeter(const kernels::KernelTable& kernels, base::ThreadPool& pool) {
  const auto quarter =
      static_cast<int64_t>(std::min<uint64_t>(base::AvailableMemory() / 4, kReadBuffer));
  return {kernels, pool, quarter};
}

BenchSetting MakeSetting(const kernels::KernelTable& kernels, const base::ThreadPool& pool,
                         const measure::CeilingMeter& meter) {
  return {.machine = measure::DescribeMachine(),
          .isa = kernels.name,
          .threads = pool.size(),
          .ceilings = meter.ceilings()};
}

/// The contexts to measure. Those that the user named must be possible, those that are measured
/// by default are left out where they are not.
base::Result<std::vector<int64_t>> ChooseContexts(const BenchOptions& options,
                                                  const model::ModelConfig& config) {
  std::vector<int64_t> contexts;
  for (const int64_t context : options.contexts) {
    const int64_t decoded = options.measure.decode_tokens;
    if (context > decoded && context <= config.max_position_embeddings)
      contexts.push_back(context);
    else if (options.default_contexts)
      continue;
    else if (context <= decoded)
      return base::MakeError("--contexts: {} leaves nothing before the {} tokens to decode",
                             context, decoded);
    else
      return base::MakeError("--contexts: {} is more than the model's context of {}", context,
                             config.max_position_embeddings);
  }
  return contexts;
}

base::Result<model::LoadedWeights> LoadWeights(const std::string& directory,
                                               const model::ModelConfig& config,
                                               base::ThreadPool& pool,
                                               const BenchOptions& options) {
  ProgressBar bar("loading", ProgressBar::Unit::kBytes);
  return model::LoadedWeights::Open(
      directory, config, pool,
      {.expert_memory = options.expert_memory,
       .large_pages = options.placement.large_pages,
       .progress = [&](uint64_t done, uint64_t total) { bar.Update(done, total); }});
}

base::Result<measure::ModelRow> MeasureRow(measure::ModelBench& bench, int64_t context,
                                           int64_t batch) {
  const std::string name =
      fmt::format("context {}, batch {}", FormatCount(context), FormatCount(batch));
  ProgressBar bar(name, ProgressBar::Unit::kTokens);
  FATHOM_ASSIGN(measure::ModelRow row,
                bench.Measure(context, batch, [&](int64_t done, int64_t total) {
                  bar.Update(static_cast<uint64_t>(done), static_cast<uint64_t>(total));
                }));
  if (!row.skipped.empty()) PrintError(fmt::format("{} is skipped: {}", name, row.skipped));
  return row;
}

base::Status PrintModelReport(const ModelReport& report, OutputFormat format) {
  switch (format) {
    case OutputFormat::kText:
      return WriteOutput(FormatModelReport(report));
    case OutputFormat::kJson:
      return WriteOutput(DumpJson(ModelReportToJson(report)));
    case OutputFormat::kCsv:
      return WriteOutput(ModelReportToCsv(report));
  }
  return {};
}

base::Result<ExitCode> BenchModel(const BenchOptions& options) {
  FATHOM_ASSIGN(const std::string directory, FindModel(options.model));
  FATHOM_ASSIGN(const model::ModelConfig config, model::LoadConfig(directory));
  FATHOM_ASSIGN(const auto contexts, ChooseContexts(options, config));
  FATHOM_ASSIGN(const kernels::KernelTable* kernels, kernels::SelectKernels());
  FATHOM_ASSIGN(auto plot, CreatePlot(options.plot));
  FATHOM_ASSIGN(const auto pool, MakePool(options.threads, options.placement));
  FATHOM_ASSIGN(const auto weights, LoadWeights(directory, config, *pool, options));
  measure::CeilingMeter meter = MakeMeter(*kernels, *pool);
  ModelReport report = {.setting = {}, .model = directory, .large_pages = 0, .rows = {}};

  const int64_t most = *std::max_element(options.batches.begin(), options.batches.end());
  model::Model model(config, weights.weights(), *kernels, *pool,
                     measure::ModelBench::MaxBatchTokens(options.measure, most));
  measure::ModelBench bench(model, *pool, options.measure);
  FATHOM_TRY(bench.WarmUp());
  meter.Sample();
  for (const int64_t context : contexts) {
    for (const int64_t batch : options.batches) {
      FATHOM_ASSIGN(measure::ModelRow row, MeasureRow(bench, context, batch));
      if (row.skipped.empty()) meter.Sample();
      report.rows.push_back(std::move(row));
    }
  }
  report.setting = MakeSetting(*kernels, *pool, meter);
  report.large_pages = measure::LargePageShare();
  FATHOM_TRY(PrintModelReport(report, options.format));
  if (plot) FATHOM_TRY(WritePlot(plot, DrawModelReport(report)));
  return ExitCode::kSuccess;
}

base::Status PrintAttentionReport(const AttentionReport& report, OutputFormat format) {
  switch (format) {
    case OutputFormat::kText:
      return WriteOutput(FormatAttentionReport(report));
    case OutputFormat::kJson:
      return WriteOutput(DumpJson(AttentionReportToJson(report)));
    case OutputFormat::kCsv:
      return WriteOutput(AttentionReportToCsv(report));
  }
  return {};
}

base::Result<model::ModelConfig> ReadPreset(const std::string& name) {
  FATHOM_ASSIGN(const std::string json, model::PresetConfig(name));
  return model::ParseConfig(json, name);
}

base::Result<ExitCode> BenchAttention(const BenchOptions& options) {
  FATHOM_ASSIGN(const model::ModelConfig flash, ReadPreset("flash"));
  FATHOM_ASSIGN(const model::ModelConfig pro, ReadPreset("pro"));
  FATHOM_ASSIGN(const kernels::KernelTable* kernels, kernels::SelectKernels());
  FATHOM_ASSIGN(auto plot, CreatePlot(options.plot));
  FATHOM_ASSIGN(const auto pool, MakePool(options.threads, options.placement));
  measure::CeilingMeter meter = MakeMeter(*kernels, *pool);
  meter.Sample();
  AttentionReport report = {.setting = {}, .rows = {}};
  const auto models = measure::ListComparedModels(flash, pro);
  for (const int64_t context : options.contexts) {
    for (const measure::ComparedModel& model : models) {
      FATHOM_ASSIGN(
          measure::AttentionRow row,
          measure::MeasureAttention({*kernels, *pool, options.measure.seed}, model, context));
      if (!row.skipped.empty())
        PrintError(fmt::format("{} at a context of {} is skipped: {}", model.name,
                               FormatCount(context), row.skipped));
      report.rows.push_back(std::move(row));
    }
    meter.Sample();
  }
  report.setting = MakeSetting(*kernels, *pool, meter);
  FATHOM_TRY(PrintAttentionReport(report, options.format));
  if (plot) FATHOM_TRY(WritePlot(plot, DrawAttentionReport(report)));
  return ExitCode::kSuccess;
}

void AddFillOption(CLI::App& app, std::optional<measure::Fill>* fill) {
  using measure::Fill;
  AddChoice(app, "--fill", {"random", "prefill"},
            "How a context's beginning gets into the cache\n"
            "(default: prefill up to 1024 tokens, then random)",
            [fill](const std::string& text) {
              *fill = text == "random" ? Fill::kRandom : Fill::kPrefill;
            });
}

constexpr const char* kBenchDetails =
    "The machine's ceilings are measured with all threads, before and after each row:\n"
    "reading memory, and multiplying BF16 and bytes in registers; the medians count.\n"
    "For each context and batch, the last --decode-tokens tokens of the context are\n"
    "decoded, --prefill-tokens before them are prefilled in one chunk, which the\n"
    "sequences of a batch share, and what comes before is computed, or random rows\n"
    "take its place in the cache.\n"
    "\n"
    "  of BF16   multiply-adds of the chunk's linear layers, indexers and attention a\n"
    "            second, of the ceiling of BF16 products\n"
    "  of read   bytes that the median decode step had to read a second, of the\n"
    "            ceiling of reading: weights, each once (experts: those that were\n"
    "            chosen), and of the cache what attention and indexer look at\n"
    "\n"
    "A row that memory does not suffice for is skipped, and that is said.\n"
    "\n"
    "Behind the model's name stands how much of it lies in pages of 2 MiB. What was\n"
    "in memory before may lie in small ones, of which a virtual machine makes a token\n"
    "at half the speed; --huge-pages reads it anew.\n"
    "\n"
    "With --attention-only, one decode step of attention is measured for each kind of\n"
    "layer of DeepSeek-V4-Flash and -Pro, of DeepSeek-V3.2, and of grouped-query\n"
    "attention (8 heads of 128, BF16, with the depth and query heads of Flash and\n"
    "Pro): indexer, selection and attention, without projections, on random rows. All\n"
    "run on the same kernels, and each result is checked against a computation in\n"
    "double precision. A model's figures are those of its layers, added up.";

}  // namespace

void AddBenchCommand(CommandLine& command_line) {
  const auto options = std::make_shared<BenchOptions>();
  CLI::App& app = command_line.Add(
      {.name = "bench",
       .group = kModelGroup,
       .summary = "Measure a model's speed and the machine's limits",
       .details = kBenchDetails,
       .examples = "fathom bench --contexts 1024,16384 --batch 1\n"
                   "fathom bench -m DeepSeek-V4-Flash --json --plot speed.svg\n"
                   "fathom bench --attention-only --contexts 4096,65536"},
      [options] {
        return options->attention_only ? BenchAttention(*options) : BenchModel(*options);
      });
  AddModelOption(app, &options->model);
  AddIntegers(app, "--contexts", {1, 1'000'000'000},
              "Tokens of context, a row each (default: 144, 4096,\n"
              "32768, 131072, 524288, 1048576, up to the model's)",
              [options](std::vector<int64_t> contexts) {
                options->contexts = std::move(contexts);
                options->default_contexts = false;
              });
  AddIntegers(app, "--batch", {1, 4096}, "Sequences side by side (default: 1,8)",
              [options](std::vector<int64_t> batches) { options->batches = std::move(batches); });
  AddInteger(app, "--prefill-tokens", {1, 8192}, "Tokens of the chunk (default: 512)",
             [options](int64_t tokens) { options->measure.prefill_tokens = tokens; });
  AddInteger(app, "--decode-tokens", {1, 100'000}, "Steps of decoding (default: 8)",
             [options](int64_t tokens) { options->measure.decode_tokens = tokens; });
  AddFillOption(app, &options->measure.fill);
  AddInteger(app, "--seed", {0}, "Other tokens and random rows (default: 1)",
             [options](int64_t seed) { options->measure.seed = static_cast<uint64_t>(seed); });
  AddThreadsOption(app, &options->threads);
  AddExpertMemoryOption(app, &options->expert_memory);
  AddPlacementOptions(app, &options->placement);
  AddFormatOptions(app, &options->format);
  AddText(app, "--plot", "FILE", "Also draw the figures by context: an SVG file", &options->plot);
  Option attention = AddFlag(app, "--attention-only",
                             "Measure attention alone, beside other models';\nneeds no checkpoint",
                             &options->attention_only);
  for (const char* of_models :
       {"--model", "--batch", "--prefill-tokens", "--decode-tokens", "--fill", "--expert-memory"})
    attention.Exclude(FindOption(app, of_models));
}

}  // namespace fathom::cli
