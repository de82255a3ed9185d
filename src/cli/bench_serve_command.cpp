#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/available_memory.h"
#include "cli/commands.h"
#include "cli/generation_options.h"
#include "cli/interrupt.h"
#include "cli/load_report.h"
#include "cli/local_server.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/report_options.h"
#include "load/load_bench.h"
#include "measure/machine.h"

namespace fathom::cli {
namespace {

constexpr const char* kWorkGroup = "What is asked";
constexpr const char* kServedGroup = "The server, where there is no URL";

struct BenchServeOptions {
  std::string url;
  EngineFlags engine;
  server::ServerOptions server;
  load::LoadOptions load;
  std::vector<int64_t> clients = {1, 8, 64};
  OutputFormat format = OutputFormat::kText;
  std::string plot;
};

/// Has room for all clients: what is refused for want of it says nothing of the engine.
base::Result<std::unique_ptr<LocalServer>> StartServer(const BenchServeOptions& options) {
  server::ServerOptions server = options.server;
  const int64_t clients = *std::max_element(options.clients.begin(), options.clients.end());
  server.engine.max_queue = std::max(server.engine.max_queue, clients);
  // A connection may not be closed yet when its client makes the next one.
  server.http.max_connections = std::max(server.http.max_connections, 2 * clients);
  FATHOM_ASSIGN(server.model_directory, FindModel(options.engine.model));
  ApplyEngineFlags(options.engine, &server.engine);
  if (server.engine.kv_memory == 0) server.engine.kv_memory = base::AvailableMemory() / 4;
  server.drain_seconds = 0;
  return LocalServer::Start(std::move(server));
}

/// Measures row after row, and tells at once what failed in one. Stops when it is interrupted.
class LoadRun {
 public:
  /// Without a local server, nothing is measured after a restart.
  LoadRun(load::LoadBench bench, LocalServer* local, const InterruptGuard& guard)
      : bench_(std::move(bench)), local_(local), guard_(guard) {}

  base::Status Measure(int64_t clients) {
    bench_.Begin(clients);
    FATHOM_TRY(MeasurePhase(clients, load::Phase::kCold));
    FATHOM_TRY(MeasurePhase(clients, load::Phase::kWarm));
    if (local_ == nullptr || guard_.interrupted()) return {};
    FATHOM_TRY(local_->Restart());
    FATHOM_TRY(bench_.AwaitServer());
    return MeasurePhase(clients, load::Phase::kRestarted);
  }

  const std::vector<load::LoadRow>& rows() const { return rows_; }

 private:
  base::Status MeasurePhase(int64_t clients, load::Phase phase) {
    std::optional<ProgressBar> bar(std::in_place, NameRow(clients, phase),
                                   ProgressBar::Unit::kSteps);
    FATHOM_ASSIGN(load::LoadRow row, bench_.Measure(phase, [&](int64_t done, int64_t total) {
      bar->Update(static_cast<uint64_t>(done), static_cast<uint64_t>(total));
    }));
    bar.reset();
    if (row.failed() > 0)
      PrintError(fmt::format("{}: {}", NameRow(clients, phase), DescribeFailures(row)));
    rows_.push_back(std::move(row));
    return {};
  }

  load::LoadBench bench_;
  LocalServer* local_;
  const InterruptGuard& guard_;
  std::vector<load::LoadRow> rows_;
};

base::Result<std::vector<load::LoadRow>> MeasureRows(const load::Target& target,
                                                     const BenchServeOptions& options,
                                                     LocalServer* local,
                                                     const InterruptGuard& guard) {
  load::LoadOptions load = options.load;
  load.http.stops = [&guard] { return guard.interrupted(); };
  FATHOM_ASSIGN(load::LoadBench bench, load::LoadBench::Open(target, load));
  LoadRun run(std::move(bench), local, guard);
  for (const int64_t clients : options.clients)
    if (!guard.interrupted()) FATHOM_TRY(run.Measure(clients));
  return run.rows();
}

base::Status PrintLoadReport(const LoadReport& report, OutputFormat format) {
  switch (format) {
    case OutputFormat::kText:
      return WriteOutput(FormatLoadReport(report));
    case OutputFormat::kJson:
      return WriteOutput(DumpJson(LoadReportToJson(report)));
    case OutputFormat::kCsv:
      return WriteOutput(LoadReportToCsv(report));
  }
  return {};
}

base::Status CheckFailures(const LoadReport& report) {
  int64_t failed = 0;
  int64_t requests = 0;
  for (const load::LoadRow& row : report.rows) {
    failed += row.failed();
    requests += row.requests;
  }
  if (failed == 0) return {};
  return base::MakeError("{}: {} of {} requests failed", report.target, failed, requests);
}

base::Result<ExitCode> BenchServe(const BenchServeOptions& options) {
  std::string url = options.url;
  if (!url.empty()) FATHOM_TRY(load::ParseTarget(url));
  FATHOM_ASSIGN(auto plot, CreatePlot(options.plot));
  const InterruptGuard guard(InterruptGuard::Second::kEndsProcess);
  std::unique_ptr<LocalServer> local;
  if (url.empty()) {
    FATHOM_ASSIGN(local, StartServer(options));
    url = local->url();
  }
  FATHOM_ASSIGN(const load::Target target, load::ParseTarget(url));
  auto rows = MeasureRows(target, options, local.get(), guard);
  // What it says itself, if it has failed, is more than what its clients saw of it.
  if (local) FATHOM_TRY(local->Stop());
  if (guard.interrupted()) return ExitCode::kInterrupted;
  if (!rows.ok()) return rows.error();
  const LoadReport report = {.machine = measure::DescribeMachine(),
                             .target = local ? local->model() : url,
                             .options = options.load,
                             .rows = std::move(rows).value()};
  FATHOM_TRY(PrintLoadReport(report, options.format));
  if (plot) FATHOM_TRY(WritePlot(plot, DrawLoadReport(report)));
  FATHOM_TRY(CheckFailures(report));
  return ExitCode::kSuccess;
}

void AddWorkOptions(CLI::App& app, BenchServeOptions* options) {
  load::LoadOptions* const load = &options->load;
  AddIntegers(app, "--clients", {1, 4096}, "Clients at once, rows for each (default: 1,8,64)",
              [options](std::vector<int64_t> clients) { options->clients = std::move(clients); })
      .Group(kWorkGroup);
  AddInteger(app, "--conversations", {1, 10'000}, "Conversations of each client (default: 4)",
             [load](int64_t count) { load->conversations = count; })
      .Group(kWorkGroup);
  AddInteger(app, "--turns", {2, 100'000},
             "Requests of each conversation, the cold one included\n(default: 4)",
             [load](int64_t turns) { load->turns = turns; })
      .Group(kWorkGroup);
  AddNumber(app, "--duration", {0.001, 1e6}, "Seconds after which a phase asks nothing new",
            [load](double seconds) { load->most_seconds = seconds; })
      .Group(kWorkGroup);
  AddInteger(app, "--prompt-tokens", {1, 100'000'000},
             "Tokens of a conversation's first prompt, about\n(default: 1000)",
             [load](int64_t tokens) { load->prompt_tokens = tokens; })
      .Group(kWorkGroup);
  AddInteger(app, "--answer-tokens", {1, 1'000'000}, "Most tokens of an answer (default: 64)",
             [load](int64_t tokens) { load->answer_tokens = tokens; })
      .Group(kWorkGroup);
  AddFlag(app, "--ignore-eos",
          "Ask for answers of exactly so many tokens, which not\n"
          "every server knows",
          &load->fixes_length)
      .Group(kWorkGroup);
  AddInteger(app, "--seed", {0},
             "Other conversations, for a server that has seen\nthose (default: 1)",
             [load](int64_t seed) { load->seed = static_cast<uint64_t>(seed); })
      .Group(kWorkGroup);
}

void AddGoalOptions(CLI::App& app, load::LoadOptions* load) {
  AddNumber(app, "--ttft", {0, 1e6}, "Seconds to the first text that are good enough\n(default: 1)",
            [load](double seconds) { load->goals.first = seconds; });
  AddNumber(app, "--itl", {0, 1e6},
            "Seconds from token to token, on average over an\nanswer, that are (default: 0.1)",
            [load](double seconds) { load->goals.token = seconds; });
  AddNumber(app, "--timeout", {0.001, 1e6},
            "Seconds of silence after which a request has failed\n(default: 300)",
            [load](double seconds) { load->http.silence_seconds = seconds; });
}

/// The options of `fathom serve` that change what is measured.
void AddServedOptions(CLI::App& app, BenchServeOptions* options, Option url) {
  engine::EngineOptions* const engine = &options->server.engine;
  AddEngineOptions(app, &options->engine);
  AddInteger(app, "--max-batch", {1, 1 << 16}, "Most requests under way at once (default: 32)",
             [engine](int64_t count) { engine->max_batch = count; });
  AddBytes(app, "--kv-memory",
           "Memory for what sequences remember (default: a\nquarter of what is free)",
           &engine->kv_memory);
  for (const char* name : {"--model", "--threads", "--context", "--batch-tokens", "--expert-memory",
                           "--pin", "--interleave", "--huge-pages", "--max-batch", "--kv-memory"})
    FindOption(app, name).Group(kServedGroup).Exclude(url);
}

void AddTargetOptions(CLI::App& app, load::LoadOptions* load, Option url) {
  AddText(app, "--api-key", "KEY", "What the server at URL wants to be sent", &load->http.api_key)
      .Need(url);
  AddText(app, "--model-name", "NAME", "The model that requests name (default: default)",
          &load->model)
      .Need(url);
}

constexpr const char* kBenchServeDetails =
    "Clients hold made-up conversations with tools, as agents do: each request brings\n"
    "all that was said, and answers are streamed. For each number of clients:\n"
    "\n"
    "  cold       the first request of each conversation\n"
    "  warm       those that follow, --turns less 1\n"
    "  restarted  one more, after the server was stopped and started over on the\n"
    "             same --kv-dir; not with a URL\n"
    "\n"
    "Without a URL the server is the one of \"fathom serve\", in this process, with a\n"
    "directory for its cache that is made where TMPDIR says and removed at the end.\n"
    "With one it is whatever speaks OpenAI's chat completions there.\n"
    "\n"
    "  TTFT    from the request, its connection included, to the first text\n"
    "  ITL     from piece of text to piece of text\n"
    "  E2E     from the request to the end of its answer\n"
    "  good    requests a second that met --ttft and --itl\n"
    "  cached  tokens of prompts that the server had computed before, as it says\n"
    "\n"
    "A percentile is the smallest measured value that so many per cent do not exceed.\n"
    "Requests that fail are counted, told, and in no other figure; then the exit code\n"
    "is 1. docs/design/measurements.md says more.";

}  // namespace

void AddBenchServeCommand(CommandLine& command_line) {
  const auto options = std::make_shared<BenchServeOptions>();
  options->server.version = command_line.version();
  CLI::App& app =
      command_line.Add({.name = "bench-serve",
                        .group = kModelGroup,
                        .summary = "Measure a server under many clients",
                        .details = kBenchServeDetails,
                        .examples = "fathom bench-serve\n"
                                    "fathom bench-serve --clients 1,4 --turns 10 --plot load.svg\n"
                                    "fathom bench-serve http://127.0.0.1:8000/v1 --json",
                        .exit_codes = "130  interrupted"},
                       [options] { return BenchServe(*options); });
  const Option url =
      AddText(app, "URL", "URL", "The server, without which one is started", &options->url);
  AddTargetOptions(app, &options->load, url);
  AddGoalOptions(app, &options->load);
  AddFormatOptions(app, &options->format);
  AddText(app, "--plot", "FILE", "Also draw the figures by clients: an SVG file", &options->plot);
  AddWorkOptions(app, options.get());
  AddServedOptions(app, options.get(), url);
}

}  // namespace fathom::cli
