#include "cli/bench_report.h"

#include <fmt/format.h>

#include <array>
#include <map>

#include "cli/format.h"
#include "cli/output.h"
#include "cli/table.h"
#include "measure/chart.h"

namespace fathom::cli {
namespace {

using measure::Ceilings;
using measure::ModelRow;

const char* NameOf(measure::Fill fill) {
  return fill == measure::Fill::kRandom ? "random" : "prefill";
}

/// The figures of a row, in the order of JSON and CSV. Null where nothing was measured.
Json RowToJson(const ModelRow& row, const Ceilings& ceilings) {
  Json json = {{"context", row.context}, {"batch", row.batch}};
  for (const char* key : {"prefill_tok_s", "decode_tok_s", "kv_bytes", "weight_bytes_per_token",
                          "share_of_read", "share_of_bf16_prefill"})
    json[key] = nullptr;
  if (!row.skipped.empty()) return json;
  json["prefill_tok_s"] = row.prefill_rate();
  json["decode_tok_s"] = row.decode_rate();
  json["kv_bytes"] = row.kv_bytes;
  json["weight_bytes_per_token"] = row.weight_bytes_per_token();
  json["share_of_read"] = row.share_of_read(ceilings);
  json["share_of_bf16_prefill"] = row.share_of_bf16(ceilings);
  return json;
}

/// What only the JSON tells.
void AddDetails(const ModelRow& row, Json& json) {
  if (!row.skipped.empty()) {
    json["skipped"] = row.skipped;
    return;
  }
  json["fill"] = NameOf(row.fill);
  json["prefill_tokens"] = row.prefill_tokens;
  json["kv_bytes_read"] = row.kv_bytes_read;
  json["barriers_per_step"] = row.decode_barriers;
  json["decode_ms"] = Json::array();
  for (const double seconds : row.decode_seconds) json["decode_ms"].push_back(1e3 * seconds);
}

std::string FormatRate(double rate) { return FormatDecimal(rate, rate < 100 ? 2 : 0); }

std::vector<std::string> FormatCells(const ModelRow& row, const Ceilings& ceilings) {
  if (!row.skipped.empty())
    return {fmt::format("{}", row.batch), "skipped", "", "", "", "", "", ""};
  const auto percent = [](double share) { return fmt::format("{:.0f} %", 100 * share); };
  return {fmt::format("{}", row.batch),
          NameOf(row.fill),
          FormatRate(row.prefill_rate()),
          percent(row.share_of_bf16(ceilings)),
          FormatRate(row.decode_rate()),
          percent(row.share_of_read(ceilings)),
          FormatBytes(static_cast<uint64_t>(row.kv_bytes)),
          FormatBytes(static_cast<uint64_t>(row.weight_bytes_per_token()))};
}

/// A line for each batch.
measure::Chart MakeChart(const ModelReport& report, const std::string& title,
                         double (ModelRow::*rate)() const) {
  static constexpr std::array kColours = {"#2f6fb7", "#0b9a6d", "#c9a227", "#8a8f98", "#b7452f"};
  std::map<int64_t, std::vector<measure::ChartPoint>> points;
  for (const ModelRow& row : report.rows)
    if (row.skipped.empty())
      points[row.batch].push_back({static_cast<double>(row.context), (row.*rate)()});
  measure::Chart chart = {.title = title, .lines = {}};
  for (const auto& [batch, line] : points)
    chart.lines.push_back(
        {fmt::format("batch {}", batch), kColours[chart.lines.size() % kColours.size()], line});
  return chart;
}

}  // namespace

Json SettingToJson(const BenchSetting& setting) {
  return {{"machine", setting.machine},
          {"isa", setting.isa},
          {"threads", setting.threads},
          {"ceilings",
           {{"read_gb_s", setting.ceilings.read_bytes / 1e9},
            {"bf16_gmac_s", setting.ceilings.bf16_macs / 1e9},
            {"int8_gmac_s", setting.ceilings.int8_macs / 1e9}}}};
}

std::string FormatSetting(const BenchSetting& setting) {
  Table table;
  table.AddHeading(fmt::format("{}; {} thread{}, kernels {}", setting.machine, setting.threads,
                               setting.threads == 1 ? "" : "s", setting.isa));
  const auto add = [&](const char* label, double rate, const char* unit) {
    table.AddRow(label, {FormatDecimal(rate / 1e9, 1), unit});
  };
  add("memory read", setting.ceilings.read_bytes, "GB/s");
  add("BF16 products", setting.ceilings.bf16_macs, "GMAC/s");
  add("int8 products", setting.ceilings.int8_macs, "GMAC/s");
  return table.Format();
}

Json ModelReportToJson(const ModelReport& report) {
  Json json = SettingToJson(report.setting);
  json["model"] = report.model;
  json["large_pages"] = report.large_pages;
  json["rows"] = Json::array();
  for (const ModelRow& row : report.rows) {
    Json row_json = RowToJson(row, report.setting.ceilings);
    AddDetails(row, row_json);
    json["rows"].push_back(row_json);
  }
  return json;
}

std::string FormatCsv(const std::vector<Json>& rows) {
  std::string csv;
  for (const Json& row : rows) {
    std::string names;
    std::string values;
    for (const auto& [name, value] : row.items()) {
      const char* comma = names.empty() ? "" : ",";
      names += fmt::format("{}{}", comma, name);
      values += comma;
      if (!value.is_null())
        values += value.is_string() ? value.get<std::string>() : PrintJson(value, -1);
    }
    if (csv.empty()) csv = names + "\n";
    csv += values + "\n";
  }
  return csv;
}

std::string ModelReportToCsv(const ModelReport& report) {
  std::vector<Json> rows;
  for (const ModelRow& row : report.rows) rows.push_back(RowToJson(row, report.setting.ceilings));
  return FormatCsv(rows);
}

std::string FormatModelReport(const ModelReport& report) {
  Table table;
  table.AddHeading(fmt::format("{}, {:.0f} % in large pages", EscapeControls(report.model),
                               100 * report.large_pages));
  table.AddRow("context", {"batch", "filled by", "prefill tok/s", "of BF16", "decode tok/s",
                           "of read", "cache", "weights/token"});
  for (const ModelRow& row : report.rows)
    table.AddRow(FormatCount(row.context), FormatCells(row, report.setting.ceilings));
  return FormatSetting(report.setting) + "\n" + table.Format();
}

std::string DrawModelReport(const ModelReport& report) {
  const std::array charts = {
      MakeChart(report, "Decode, tokens a second, by context", &ModelRow::decode_rate),
      MakeChart(report, "Prefill, tokens a second, by context", &ModelRow::prefill_rate)};
  return measure::DrawCharts(charts);
}

}  // namespace fathom::cli
