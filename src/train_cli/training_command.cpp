#include "train_cli/training_command.h"

#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "cli/format.h"
#include "cli/interrupt.h"
#include "cli/model_options.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/terminal.h"
#include "measure/chart.h"
#include "train/curves.h"
#include "train/trainer.h"

namespace fathom::train_cli {
namespace {

// Steps between the lines that say how it goes.
constexpr int64_t kNoteSteps = 50;

std::string DescribeStep(const train::StepReport& report) {
  const train::CurvePoint& p = report.point;
  return fmt::format(
      "step {} of {}: {} tokens, loss {:.3f}, indexer {:.3f}, answers {:.1f} %, {} tokens/s",
      cli::FormatCount(p.step), cli::FormatCount(report.steps), cli::FormatCount(p.tokens),
      p.losses.next_token, p.losses.indexer, 100 * p.losses.accuracy,
      cli::FormatCount(
          static_cast<int64_t>(static_cast<double>(report.step_tokens) / report.seconds)));
}

// One point a few steps: their mean, so that a curve can be read.
std::vector<measure::ChartPoint> Smooth(const std::vector<train::CurvePoint>& curve,
                                        double train::LossValues::*value) {
  constexpr size_t kPoints = 300;
  const size_t width = std::max<size_t>(1, curve.size() / kPoints);
  std::vector<measure::ChartPoint> points;
  for (size_t begin = 0; begin < curve.size(); begin += width) {
    const size_t end = std::min(begin + width, curve.size());
    double sum = 0;
    for (size_t i = begin; i < end; ++i) sum += curve[i].losses.*value;
    points.push_back(
        {static_cast<double>(curve[end - 1].tokens), sum / static_cast<double>(end - begin)});
  }
  return points;
}

base::Status DrawCurves(const std::string& directory) {
  FATHOM_ASSIGN(const auto curve,
                train::ReadCurves(directory + "/curves.csv", std::numeric_limits<int64_t>::max()));
  using train::LossValues;
  const measure::Chart charts[] = {
      {"Loss by tokens trained on",
       {{"next token", "#2f6fb7", Smooth(curve, &LossValues::next_token)},
        {"token after next", "#8a8f98", Smooth(curve, &LossValues::mtp)},
        {"indexer", "#c2571a", Smooth(curve, &LossValues::indexer)}}},
      {"Share of right tokens in answers",
       {{"answers", "#2f6fb7", Smooth(curve, &LossValues::accuracy)}}}};
  return base::ReplaceFile(directory + "/curves.svg", measure::DrawCharts(charts));
}

base::Result<cli::ExitCode> RunTraining(train::TrainingOptions options) {
  options.threads = cli::ChooseThreads(options.threads);
  if (!train::HasOpenBlas())
    cli::PrintNote(
        "libblas is not OpenBLAS: training will be many times slower than with Debian's "
        "libopenblas0-pthread");
  const cli::InterruptGuard interrupt(cli::InterruptGuard::Second::kEndsProcess);
  auto bar = std::make_unique<cli::ProgressBar>("training", cli::ProgressBar::Unit::kSteps);
  const auto on_step = [&](const train::StepReport& report) {
    if (report.point.step % kNoteSteps == 0 || report.point.step == report.steps) {
      bar.reset();
      cli::PrintNote(DescribeStep(report));
      bar = std::make_unique<cli::ProgressBar>("training", cli::ProgressBar::Unit::kSteps);
    }
    bar->Update(static_cast<uint64_t>(report.point.step), static_cast<uint64_t>(report.steps));
    return !interrupt.interrupted();
  };
  FATHOM_ASSIGN(const train::TrainingEnd end, train::Train(options, on_step));
  bar.reset();
  FATHOM_TRY(DrawCurves(options.out));
  FATHOM_TRY(cli::WriteOutput(cli::EscapeControls(end.model) + "\n"));
  if (end.is_complete) return cli::ExitCode::kSuccess;
  cli::PrintNote("stopped; the same command goes on from here");
  return cli::ExitCode::kInterrupted;
}

constexpr const char* kDetails =
    "The recipe is a TOML file that names the architecture (a config.json), the\n"
    "tokenizer and the stages; docs/design/training.md describes its keys. Everything\n"
    "is written to --out: model/ (a checkpoint in the official layout, for the other\n"
    "commands), curves.csv and curves.svg (the losses), and a state. When the command\n"
    "was stopped, by Ctrl-C or in any other way, and is given again, it goes on from\n"
    "there, and the result is the same to the bit, on any number of threads.";

}  // namespace

void AddTrainingCommand(cli::CommandLine& command_line) {
  const auto options = std::make_shared<train::TrainingOptions>();
  CLI::App& app = command_line.Add(
      {.name = "train",
       .group = cli::kModelGroup,
       .summary = "Train or fine-tune a model",
       .details = kDetails,
       .examples = "fathom train configs/default.toml --out /tmp/model\n"
                   "fathom train tuning.toml --from models/default --lora 8 --out /tmp/tuned",
       .exit_codes = "130  interrupted"},
      [options] { return RunTraining(*options); });
  options->threads = 0;
  cli::AddText(app, "RECIPE", "FILE", "The recipe's path", &options->recipe).Require();
  cli::AddText(app, "--out", "DIR", "Where everything is written", &options->out).Require();
  const cli::Option from = cli::AddText(app, "--from", "DIR",
                                        "Begin with this checkpoint, its config.json and\n"
                                        "tokenizer.json (default: at random)",
                                        &options->from);
  cli::AddInteger(app, "--lora", {1, 1024},
                  "Train adapters of this rank, merged in the end\n"
                  "(default: train all parameters)",
                  [options](int64_t rank) { options->lora_rank = rank; })
      .Need(from);
  cli::AddThreadsOption(app, &options->threads);
}

}  // namespace fathom::train_cli
