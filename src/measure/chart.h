// Line charts as SVG: pictures of measurements that need no other program.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace fathom::measure {

struct ChartPoint {
  double x = 0;
  double y = 0;
};

struct ChartLine {
  std::string name;
  std::string colour;              ///< "#2f6fb7"
  std::vector<ChartPoint> points;  ///< of rising x
};

/// Both axes are logarithmic: points that are not positive and finite are left out.
struct Chart {
  std::string title;
  std::vector<ChartLine> lines;
};

/// A complete SVG file with the charts side by side on a white card. The x axis is a count: 1K is
/// 1,024. Texts may hold any UTF-8.
std::string DrawCharts(std::span<const Chart> charts);

}  // namespace fathom::measure
