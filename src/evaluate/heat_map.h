// A picture of a share by two quantities: SVG that needs no other program.
#pragma once

#include <string>
#include <vector>

namespace fathom::evaluate {

struct HeatMap {
  std::string title;
  std::string column_title;
  std::string row_title;
  std::vector<std::string> columns;
  std::vector<std::string> rows;
  /// By row, then column: 0 to 1; negative where nothing was measured.
  std::vector<std::vector<double>> shares;
};

/// A complete SVG file on a white card; each cell shows its share in per cent. Texts may hold any
/// UTF-8.
std::string DrawHeatMap(const HeatMap& map);

}  // namespace fathom::evaluate
