#include "cli/attention_report.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <string_view>

#include "cli/format.h"
#include "cli/table.h"
#include "measure/chart.h"

namespace fathom::cli {
namespace {

using measure::AttentionRow;
using measure::MeasuredLayer;

constexpr std::string_view kReference = "V3.2";

/// The row of DeepSeek-V3.2 at that context, null if there is none.
const AttentionRow* FindReference(const AttentionReport& report, int64_t context) {
  for (const AttentionRow& row : report.rows)
    if (row.context == context && row.model == kReference) return &row;
  return nullptr;
}

/// The time of a row as a part of DeepSeek-V3.2's; nothing where one was not measured.
std::optional<double> CompareTime(const AttentionReport& report, const AttentionRow& row) {
  const AttentionRow* reference = FindReference(report, row.context);
  if (reference == nullptr || !reference->skipped.empty() || !row.skipped.empty()) return {};
  return row.seconds() / reference->seconds();
}

double ShareOfRead(const BenchSetting& setting, int64_t bytes, double seconds) {
  return static_cast<double>(bytes) / seconds / setting.ceilings.read_bytes;
}

/// The figures of a row, in the order of JSON and CSV. Null where nothing was measured.
Json RowToJson(const AttentionReport& report, const AttentionRow& row) {
  Json json = {{"context", row.context},
               {"model", row.model},
               {"kv_bytes", row.cache_bytes()},
               {"bytes_read", row.bytes_read()},
               {"gmac", row.macs() / 1e9}};
  for (const char* key : {"ms", "share_of_read", "kv_of_v3.2", "gmac_of_v3.2", "ms_of_v3.2"})
    json[key] = nullptr;
  if (row.skipped.empty()) {
    json["ms"] = 1e3 * row.seconds();
    json["share_of_read"] = ShareOfRead(report.setting, row.bytes_read(), row.seconds());
  }
  if (const AttentionRow* reference = FindReference(report, row.context)) {
    json["kv_of_v3.2"] =
        static_cast<double>(row.cache_bytes()) / static_cast<double>(reference->cache_bytes());
    json["gmac_of_v3.2"] = row.macs() / reference->macs();
  }
  if (const auto time = CompareTime(report, row)) json["ms_of_v3.2"] = *time;
  return json;
}

Json LayerToJson(const MeasuredLayer& layer, bool measured) {
  Json json = {{"kind", NameOf(layer.kind)},
               {"count", layer.count},
               {"kv_bytes", layer.work.cache_bytes},
               {"bytes_read", layer.work.bytes_read},
               {"gmac", layer.work.macs / 1e9}};
  json["ms"] = measured ? Json(1e3 * layer.seconds) : Json();
  return json;
}

std::string FormatMilliseconds(double seconds) {
  const double ms = 1e3 * seconds;
  return FormatDecimal(ms, ms < 0.1 ? 4 : ms < 10 ? 3 : ms < 1000 ? 1 : 0);
}

std::string FormatMacs(double macs) {
  return FormatDecimal(macs / 1e9, macs < 1e8 ? 4 : macs < 1e10 ? 2 : 1);
}

void AddRows(Table& table, const AttentionReport& report, const AttentionRow& row) {
  const std::optional<double> time = CompareTime(report, row);
  const auto bytes = [](int64_t count) { return FormatBytes(static_cast<uint64_t>(count)); };
  if (!row.skipped.empty()) {
    table.AddRow(row.model, {bytes(row.cache_bytes()), bytes(row.bytes_read()),
                             FormatMacs(row.macs()), "skipped", "", ""});
    return;
  }
  const auto share = [&](int64_t read, double seconds) {
    return fmt::format("{:.0f} %", 100 * ShareOfRead(report.setting, read, seconds));
  };
  table.AddRow(row.model,
               {bytes(row.cache_bytes()), bytes(row.bytes_read()), FormatMacs(row.macs()),
                FormatMilliseconds(row.seconds()), share(row.bytes_read(), row.seconds()),
                time ? fmt::format("{:.1f} %", 100 * *time) : ""});
  if (row.layers.size() == 1 && row.layers.front().count == 1) return;
  for (const MeasuredLayer& layer : row.layers)
    table.AddRow(
        fmt::format("  1 of {} {}", layer.count, NameOf(layer.kind)),
        {bytes(layer.work.cache_bytes), bytes(layer.work.bytes_read), FormatMacs(layer.work.macs),
         FormatMilliseconds(layer.seconds), share(layer.work.bytes_read, layer.seconds), ""});
}

const char* ColourOf(std::string_view model) {
  if (model == "V4-Flash") return "#0b9a6d";
  if (model == "V4-Pro") return "#2f6fb7";
  if (model == kReference) return "#8a8f98";
  return model == "GQA-8 as Flash" ? "#c9a227" : "#b7452f";
}

measure::Chart MakeChart(const AttentionReport& report, const std::string& title,
                         double (*value)(const AttentionRow&)) {
  measure::Chart chart = {.title = title, .lines = {}};
  for (const AttentionRow& row : report.rows) {
    if (!row.skipped.empty()) continue;
    auto line = chart.lines.begin();
    while (line != chart.lines.end() && line->name != row.model) ++line;
    if (line == chart.lines.end())
      line = chart.lines.insert(line, {row.model, ColourOf(row.model), {}});
    line->points.push_back({static_cast<double>(row.context), value(row)});
  }
  return chart;
}

}  // namespace

Json AttentionReportToJson(const AttentionReport& report) {
  Json json = SettingToJson(report.setting);
  json["rows"] = Json::array();
  for (const AttentionRow& row : report.rows) {
    Json row_json = RowToJson(report, row);
    if (!row.skipped.empty()) row_json["skipped"] = row.skipped;
    row_json["layers"] = Json::array();
    for (const MeasuredLayer& layer : row.layers)
      row_json["layers"].push_back(LayerToJson(layer, row.skipped.empty()));
    json["rows"].push_back(row_json);
  }
  return json;
}

std::string AttentionReportToCsv(const AttentionReport& report) {
  std::vector<Json> rows;
  for (const AttentionRow& row : report.rows) rows.push_back(RowToJson(report, row));
  return FormatCsv(rows);
}

std::string FormatAttentionReport(const AttentionReport& report) {
  Table table;
  int64_t context = 0;
  for (const AttentionRow& row : report.rows) {
    if (row.context != context) {
      context = row.context;
      table.AddHeading(
          fmt::format("Attention of a token at a context of {}", FormatCount(context)));
      table.AddRow("", {"cache", "read", "GMAC", "ms", "of read", "time of V3.2"});
    }
    AddRows(table, report, row);
  }
  return FormatSetting(report.setting) + "\n" + table.Format();
}

std::string DrawAttentionReport(const AttentionReport& report) {
  const std::array charts = {
      MakeChart(report, "Attention of a token, milliseconds, by context",
                [](const AttentionRow& row) { return 1e3 * row.seconds(); }),
      MakeChart(report, "Cache read for it, GB, by context", [](const AttentionRow& row) {
        return static_cast<double>(row.bytes_read()) / 1e9;
      })};
  return measure::DrawCharts(charts);
}

}  // namespace fathom::cli
