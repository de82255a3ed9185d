#include "cli/load_report.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "cli/bench_report.h"
#include "cli/format.h"
#include "cli/output.h"
#include "cli/table.h"
#include "measure/chart.h"

namespace fathom::cli {
namespace {

using load::LoadRow;
using load::Percentiles;
using load::Phase;

/// The figures of a row, in the order of JSON and CSV. Null where nothing was measured.
Json LoadRowToJson(const LoadRow& row) {
  Json json = {{"clients", row.clients},
               {"phase", NameOf(row.phase)},
               {"requests", row.requests},
               {"failed", row.failed()},
               {"seconds", row.seconds}};
  const auto add = [&](const char* name, const std::vector<double>& seconds) {
    const std::optional<Percentiles> found = load::FindPercentiles(seconds);
    const auto ms = [&](double Percentiles::*member) {
      return found ? Json(1e3 * (*found).*member) : Json();
    };
    json[fmt::format("{}_p50_ms", name)] = ms(&Percentiles::p50);
    json[fmt::format("{}_p95_ms", name)] = ms(&Percentiles::p95);
    json[fmt::format("{}_p99_ms", name)] = ms(&Percentiles::p99);
  };
  add("ttft", row.first);
  add("itl", row.gaps);
  add("e2e", row.whole);
  json["output_tok_s"] = row.output_rate();
  json["prompt_tok_s"] = row.prompt_rate();
  json["goodput_req_s"] = row.good_rate();
  const std::optional<double> share = row.cached_share();
  json["cached_share"] = share ? Json(*share) : Json();
  return json;
}

/// What only the JSON tells.
void AddLoadDetails(const LoadRow& row, Json& json) {
  json["prompt_tokens"] = row.prompt_tokens;
  json["cached_tokens"] = row.cached_tokens;
  json["output_tokens"] = row.completion_tokens;
  json["failures"] = Json::object();
  for (const auto& [name, count] : row.failures) json["failures"][name] = count;
}

std::string FormatMs(double seconds) {
  const double ms = 1e3 * seconds;
  return FormatDecimal(ms, ms < 10 ? 2 : ms < 100 ? 1 : 0);
}

std::string FormatPercentiles(const std::vector<double>& seconds) {
  const std::optional<Percentiles> found = load::FindPercentiles(seconds);
  if (!found) return "-";
  return fmt::format("{} / {} / {}", FormatMs(found->p50), FormatMs(found->p95),
                     FormatMs(found->p99));
}

std::vector<std::string> FormatLoadCells(const LoadRow& row) {
  const auto rate = [](double value) { return FormatDecimal(value, value < 100 ? 2 : 0); };
  const std::optional<double> share = row.cached_share();
  return {NameOf(row.phase),           FormatCount(row.requests),
          FormatCount(row.failed()),   FormatPercentiles(row.first),
          FormatPercentiles(row.gaps), FormatPercentiles(row.whole),
          rate(row.output_rate()),     rate(row.prompt_rate()),
          rate(row.good_rate()),       share ? fmt::format("{:.1f} %", 100 * *share) : "-"};
}

using RowValue = double (*)(const LoadRow& row);

/// A line for each phase.
measure::Chart MakeLoadChart(const LoadReport& report, const std::string& title, RowValue value) {
  measure::Chart chart = {.title = title, .lines = {}};
  for (const auto& [phase, colour] : {std::pair(Phase::kCold, "#2f6fb7"),
                                      {Phase::kWarm, "#0b9a6d"},
                                      {Phase::kRestarted, "#c9a227"}}) {
    measure::ChartLine line = {.name = NameOf(phase), .colour = colour, .points = {}};
    for (const LoadRow& row : report.rows)
      if (row.phase == phase) line.points.push_back({static_cast<double>(row.clients), value(row)});
    if (!line.points.empty()) chart.lines.push_back(std::move(line));
  }
  return chart;
}

/// 0, which charts leave out, if there are none.
double FindP95Ms(const std::vector<double>& seconds) {
  const std::optional<Percentiles> found = load::FindPercentiles(seconds);
  return found ? 1e3 * found->p95 : 0;
}

}  // namespace

Json LoadReportToJson(const LoadReport& report) {
  const load::LoadOptions& options = report.options;
  Json json = {{"machine", report.machine},
               {"target", report.target},
               {"conversations", options.conversations},
               {"turns", options.turns},
               {"prompt_tokens", options.prompt_tokens},
               {"answer_tokens", options.answer_tokens},
               {"seed", options.seed},
               {"ttft_goal_s", options.goals.first},
               {"itl_goal_s", options.goals.token},
               {"rows", Json::array()}};
  for (const LoadRow& row : report.rows) {
    Json row_json = LoadRowToJson(row);
    AddLoadDetails(row, row_json);
    json["rows"].push_back(std::move(row_json));
  }
  return json;
}

std::string LoadReportToCsv(const LoadReport& report) {
  std::vector<Json> rows;
  for (const LoadRow& row : report.rows) rows.push_back(LoadRowToJson(row));
  return FormatCsv(rows);
}

std::string FormatLoadReport(const LoadReport& report) {
  Table table;
  table.AddHeading(fmt::format("{}; {}", EscapeControls(report.target), report.machine));
  table.AddHeading("Milliseconds are p50 / p95 / p99");
  table.AddRow("clients", {"phase", "requests", "failed", "TTFT ms", "ITL ms", "E2E ms",
                           "output tok/s", "prompt tok/s", "good req/s", "cached"});
  for (const LoadRow& row : report.rows)
    table.AddRow(FormatCount(row.clients), FormatLoadCells(row));
  return table.Format();
}

std::string DrawLoadReport(const LoadReport& report) {
  const std::array charts = {
      MakeLoadChart(report, "First text, p95, milliseconds, by clients",
                    [](const LoadRow& row) { return FindP95Ms(row.first); }),
      MakeLoadChart(report, "From text to text, p95, milliseconds, by clients",
                    [](const LoadRow& row) { return FindP95Ms(row.gaps); }),
      MakeLoadChart(report, "Output, tokens a second, by clients",
                    [](const LoadRow& row) { return row.output_rate(); })};
  return measure::DrawCharts(charts);
}

std::string NameRow(int64_t clients, Phase phase) {
  return fmt::format("{} client{}, {}", FormatCount(clients), clients == 1 ? "" : "s",
                     NameOf(phase));
}

std::string DescribeFailures(const LoadRow& row) {
  std::string kinds;
  for (const auto& [name, count] : row.failures)
    kinds += fmt::format("{}{}: {}", kinds.empty() ? "" : ", ", name, FormatCount(count));
  return fmt::format("{} of {} requests failed ({}); the first: {}", FormatCount(row.failed()),
                     FormatCount(row.requests), kinds, row.first_problem);
}

}  // namespace fathom::cli
