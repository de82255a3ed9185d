// What `fathom bench --attention-only` prints.
#pragma once

#include <string>
#include <vector>

#include "cli/bench_report.h"
#include "cli/json.h"
#include "measure/attention_bench.h"

namespace fathom::cli {

/// Rows of the same context follow each other, in the order of the models.
struct AttentionReport {
  BenchSetting setting;
  std::vector<measure::AttentionRow> rows;
};

Json AttentionReportToJson(const AttentionReport& report);
/// One line a row under the names of the columns, which are the figures of the JSON's rows.
std::string AttentionReportToCsv(const AttentionReport& report);
std::string FormatAttentionReport(const AttentionReport& report);
/// Milliseconds and bytes read by context, a line for each model: an SVG file.
std::string DrawAttentionReport(const AttentionReport& report);

}  // namespace fathom::cli
