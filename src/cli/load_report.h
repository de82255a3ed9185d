// What `fathom bench-serve` prints.
#pragma once

#include <string>
#include <vector>

#include "cli/json.h"
#include "load/load_bench.h"
#include "load/row.h"

namespace fathom::cli {

struct LoadReport {
  std::string machine;  ///< of the clients
  std::string target;   ///< the server's URL, or the model that this process served
  load::LoadOptions options;
  std::vector<load::LoadRow> rows;
};

Json LoadReportToJson(const LoadReport& report);
/// One line a row under the names of the columns, which are those of the JSON's rows.
std::string LoadReportToCsv(const LoadReport& report);
std::string FormatLoadReport(const LoadReport& report);
/// Time to the first text, from text to text, and tokens a second, by clients: an SVG file.
std::string DrawLoadReport(const LoadReport& report);

/// "8 clients, cold": what a row is called in messages.
std::string NameRow(int64_t clients, load::Phase phase);

/// "3 of 32 requests failed (HTTP 429: 2, closed: 1); the first: too many requests wait"
std::string DescribeFailures(const load::LoadRow& row);

}  // namespace fathom::cli
