// What `fathom bench` prints of a model's rows.
#pragma once

#include <string>
#include <vector>

#include "cli/json.h"
#include "measure/ceilings.h"
#include "measure/model_bench.h"

namespace fathom::cli {

/// What all measurements of one run share.
struct BenchSetting {
  std::string machine;
  std::string isa;
  int threads = 0;
  measure::Ceilings ceilings;
};

/// The setting as the beginning of a JSON object, and as the first lines of a text.
Json SettingToJson(const BenchSetting& setting);
std::string FormatSetting(const BenchSetting& setting);

/// Objects with the same keys, of numbers and of texts without commas, as lines under the names of
/// the keys. Null is empty.
std::string FormatCsv(const std::vector<Json>& rows);

/// A model's rows, and its name as the user knows it.
struct ModelReport {
  BenchSetting setting;
  std::string model;
  double large_pages = 0;  ///< share of the model that lies in them
  std::vector<measure::ModelRow> rows;
};

Json ModelReportToJson(const ModelReport& report);
/// One line a row under the names of the columns, which are those of the JSON's rows.
std::string ModelReportToCsv(const ModelReport& report);
std::string FormatModelReport(const ModelReport& report);
/// Decode and prefill by context, a line for each batch: an SVG file.
std::string DrawModelReport(const ModelReport& report);

}  // namespace fathom::cli
