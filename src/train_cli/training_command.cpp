#include "train_cli/training_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "cli/format.h"
#include "cli/interrupt.h"
#include "cli/model_options.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/terminal.h"
#include "cli/train_command.h"
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

std::string DescribeExams(const std::vector<train::ExamPoint>& exams) {
  std::string text = "answers right:";
  for (const train::ExamPoint& exam : exams)
    text += fmt::format("{} {} {:.1f} %", &exam == &exams.front() ? "" : ",", exam.exam,
                        100 * exam.accuracy);
  return text;
}

// One point a few steps: their mean, so that a curve can be read.
template <typename Value>
std::vector<measure::ChartPoint> Smooth(const std::vector<train::CurvePoint>& curve,
                                        const Value& value) {
  constexpr size_t kPoints = 300;
  const size_t width = std::max<size_t>(1, curve.size() / kPoints);
  std::vector<measure::ChartPoint> points;
  for (size_t begin = 0; begin < curve.size(); begin += width) {
    const size_t end = std::min(begin + width, curve.size());
    double sum = 0;
    for (size_t i = begin; i < end; ++i) sum += std::invoke(value, curve[i].losses);
    points.push_back(
        {static_cast<double>(curve[end - 1].tokens), sum / static_cast<double>(end - begin)});
  }
  return points;
}

// On a logarithmic axis 99 % right and 98 % look alike, and 1 % wrong and 2 % do not.
double WrongShare(const train::LossValues& values) { return 1 - values.accuracy; }

// A line for each exam, in the order in which they are held.
measure::Chart ChartOf(const std::vector<train::ExamPoint>& points) {
  constexpr const char* kColours[] = {"#2f6fb7", "#c2571a", "#3b8f4e", "#8e4fa8", "#8a8f98",
                                      "#b8952a", "#2a9d9d", "#b23a5a", "#333333"};
  measure::Chart chart = {"Share of wrong tokens in answers, by kind of text", {}};
  for (const train::ExamPoint& point : points) {
    auto line = std::find_if(chart.lines.begin(), chart.lines.end(),
                             [&](const auto& l) { return l.name == point.exam; });
    if (line == chart.lines.end()) {
      const size_t at = chart.lines.size() % std::size(kColours);
      line = chart.lines.insert(line, {point.exam, kColours[at], {}});
    }
    line->points.push_back({static_cast<double>(point.tokens), 1 - point.accuracy});
  }
  return chart;
}

base::Status DrawCurves(const std::string& directory) {
  constexpr int64_t kAll = std::numeric_limits<int64_t>::max();
  FATHOM_ASSIGN(const auto curve, train::ReadCurves(directory + "/curves.csv", kAll));
  FATHOM_ASSIGN(const auto exams, train::ReadExams(directory + "/exams.csv", kAll));
  using train::LossValues;
  std::vector<measure::Chart> charts = {
      {"Loss by tokens trained on",
       {{"next token", "#2f6fb7", Smooth(curve, &LossValues::next_token)},
        {"token after next", "#8a8f98", Smooth(curve, &LossValues::mtp)},
        {"indexer", "#c2571a", Smooth(curve, &LossValues::indexer)}}},
      {"Share of wrong tokens in answers", {{"answers", "#2f6fb7", Smooth(curve, WrongShare)}}}};
  if (!exams.empty()) charts.push_back(ChartOf(exams));
  return base::ReplaceFile(directory + "/curves.svg", measure::DrawCharts(charts));
}

base::Result<cli::ExitCode> RunTraining(const cli::TrainFlags& flags) {
  const train::TrainingOptions options = {.recipe = flags.recipe,
                                          .out = flags.out,
                                          .from = flags.from,
                                          .lora_rank = flags.lora_rank,
                                          .threads = cli::ChooseThreads(flags.threads)};
  if (!train::HasOpenBlas())
    cli::PrintNote(
        "libblas is not OpenBLAS: training will be many times slower than with Debian's "
        "libopenblas0-pthread");
  const cli::InterruptGuard interrupt(cli::InterruptGuard::Second::kEndsProcess);
  auto bar = std::make_unique<cli::ProgressBar>("training", cli::ProgressBar::Unit::kSteps);
  const auto say = [&](const std::string& line) {
    bar.reset();
    cli::PrintNote(line);
    bar = std::make_unique<cli::ProgressBar>("training", cli::ProgressBar::Unit::kSteps);
  };
  const auto on_step = [&](const train::StepReport& report) {
    if (report.point.step % kNoteSteps == 0 || report.point.step == report.steps)
      say(DescribeStep(report));
    if (!report.exams.empty()) say(DescribeExams(report.exams));
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

}  // namespace

void AddTrainingCommand(cli::CommandLine& command_line) {
  cli::AddTrainCommand(command_line, RunTraining);
}

}  // namespace fathom::train_cli
