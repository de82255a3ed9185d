#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "cli/commands.h"
#include "cli/format.h"
#include "cli/json.h"
#include "cli/model_options.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "server/described_turns.h"
#include "trace/replay.h"
#include "trace/trace_reader.h"

namespace fathom::cli {
namespace {

struct ReplayFlags {
  std::string trace;
  std::string model;
  std::string kv_directory;
  int threads = 0;
  uint64_t expert_memory = 0;
  PlacementFlags placement;
  bool json = false;
};

constexpr const char* kReplayDetails =
    "FILE is what \"fathom serve --trace FILE\" wrote. Its requests are handed in again\n"
    "in their order and cancelled where they were. Every token and every decision of\n"
    "the prefix cache is compared with what is written there, up to the first that\n"
    "differs. The number of threads makes no difference; another tier of kernels may.\n"
    "\n"
    "A last line that is not whole, as a process leaves it that was killed, is left\n"
    "out. If the server's --kv-dir held files when the trace began, the cache's\n"
    "decisions are compared with --kv-dir alone: a copy of it from then, whose files\n"
    "change. docs/formats/trace.md has the format, and what is compared when.";

Json DifferenceJson(const trace::Difference& difference) {
  using Kind = trace::Difference::Kind;
  Json json = {{"kind", difference.kind == Kind::kToken    ? "token"
                        : difference.kind == Kind::kFinish ? "finish"
                                                           : "decision"}};
  if (difference.request > 0) json["request"] = difference.request;
  json["position"] = difference.position;
  json["expected"] = difference.expected;
  json["got"] = difference.got;
  return json;
}

Json ReportJson(const trace::Recording& recording, const trace::ReplayReport& report) {
  Json json = {{"same", !report.difference},   {"requests", report.requests},
               {"tokens", report.tokens},      {"decisions", report.decisions},
               {"is_torn", recording.is_torn}, {"trace_isa", recording.header.isa},
               {"replay_isa", report.isa},     {"decisions_left_out", Json()},
               {"difference", Json()}};
  if (!report.decisions_left_out.empty()) json["decisions_left_out"] = report.decisions_left_out;
  if (report.difference) json["difference"] = DifferenceJson(*report.difference);
  return json;
}

std::string FormatReport(const trace::Recording& recording, const trace::ReplayReport& report) {
  std::string text = fmt::format("{} requests, {} tokens, {} cache decisions: the same\n",
                                 FormatCount(report.requests), FormatCount(report.tokens),
                                 FormatCount(report.decisions));
  if (!report.decisions_left_out.empty())
    text += fmt::format("cache decisions were not compared: {}\n", report.decisions_left_out);
  if (recording.is_torn) text += "the last line is not whole, and was left out\n";
  return text;
}

base::Result<trace::ReplayReport> RunAgain(const ReplayFlags& flags,
                                           const trace::Recording& recording) {
  const std::string directory = flags.model.empty() ? recording.header.model : flags.model;
  server::DescribedTurns turns(directory);
  ProgressBar reading("Reading " + directory, ProgressBar::Unit::kBytes);
  ProgressBar running("running again", ProgressBar::Unit::kTokens);
  const auto show = [](ProgressBar& bar) {
    return [&bar](auto done, auto total) {
      bar.Update(static_cast<uint64_t>(done), static_cast<uint64_t>(total));
    };
  };
  return trace::Replay(
      recording, {.model_directory = directory,
                  .engine = {.threads = flags.threads,
                             .expert_memory = flags.expert_memory,
                             .pin_threads = flags.placement.pin_threads,
                             .interleave_memory = flags.placement.interleave_memory,
                             .large_pages = flags.placement.large_pages,
                             .on_progress = show(reading)},
                  .kv_directory = flags.kv_directory,
                  .make_constraint = [&](const std::string& text) { return turns.Make(text); },
                  .on_progress = show(running)});
}

base::Result<ExitCode> RunReplay(const ReplayFlags& flags) {
  FATHOM_ASSIGN(const trace::Recording recording, trace::ReadTrace(flags.trace));
  FATHOM_ASSIGN(const trace::ReplayReport report, RunAgain(flags, recording));
  if (flags.json) FATHOM_TRY(WriteOutput(DumpJson(ReportJson(recording, report))));
  if (report.difference) {
    const std::string& isa = recording.header.isa;
    return base::MakeError(
        "{}: {}{}", flags.trace, DescribeDifference(*report.difference),
        isa == report.isa ? "" : fmt::format(" (recorded on {}, run on {})", isa, report.isa));
  }
  if (!flags.json) FATHOM_TRY(WriteOutput(FormatReport(recording, report)));
  return ExitCode::kSuccess;
}

}  // namespace

void AddReplayCommand(CommandLine& command_line) {
  const auto flags = std::make_shared<ReplayFlags>();
  CLI::App& app = command_line.Add({.name = "replay",
                                    .group = kModelGroup,
                                    .summary = "Run a server's trace again and compare",
                                    .details = kReplayDetails,
                                    .examples = "fathom serve --trace session.jsonl\n"
                                                "fathom replay session.jsonl\n"
                                                "fathom replay session.jsonl --threads 1 --json",
                                    .exit_codes = {}},
                                   [flags] { return RunReplay(*flags); });
  AddText(app, "FILE", "FILE", "The trace", &flags->trace).Require();
  AddText(app, "-m,--model", "DIR", "The model's directory (default: the trace's)", &flags->model);
  AddText(app, "--kv-dir", "DIR", "The files of the cache as the trace found them; they\nchange",
          &flags->kv_directory);
  AddThreadsOption(app, &flags->threads);
  AddExpertMemoryOption(app, &flags->expert_memory);
  AddPlacementOptions(app, &flags->placement);
  AddFlag(app, "--json", "Print JSON", &flags->json);
}

}  // namespace fathom::cli
