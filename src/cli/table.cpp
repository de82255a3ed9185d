#include "cli/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace fathom::cli {

void Table::AddRow(std::string label, std::vector<std::string> cells) {
  cells.insert(cells.begin(), std::move(label));
  rows_.push_back(std::move(cells));
}

std::string Table::Format() const {
  std::vector<size_t> widths;
  for (const auto& row : rows_) {
    if (row.size() == 1) continue;
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows_) {
    if (row.size() == 1) {
      text += fmt::format("{}{}\n", text.empty() ? "" : "\n", row[0]);
      continue;
    }
    text += fmt::format("  {:<{}}", row[0], widths[0]);
    for (size_t i = 1; i < row.size(); ++i) text += fmt::format("  {:>{}}", row[i], widths[i]);
    text += '\n';
  }
  return text;
}

}  // namespace fathom::cli
