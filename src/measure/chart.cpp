#include "measure/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>

#include "base/xml.h"

namespace fathom::measure {
namespace {

// In units of the view box.
constexpr double kLeft = 56, kTop = 46, kWidth = 344, kHeight = 260;
constexpr double kNames = 140;  // right of the plot
constexpr double kStride = kLeft + kWidth + kNames;
constexpr double kTotalHeight = 350;
constexpr double kLineHeight = 15;

bool CanShow(const ChartPoint& point) {
  return point.x > 0 && point.y > 0 && std::isfinite(point.x) && std::isfinite(point.y);
}

/// A logarithmic axis from `low` to `high`.
struct Axis {
  double low = std::numeric_limits<double>::infinity();
  double high = 0;

  void Include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  /// 0 at the low end, 1 at the high one.
  double Place(double value) const { return std::log(value / low) / std::log(high / low); }
};

std::string FormatMark(double count) {
  if (count >= 1 << 20) return fmt::format("{:g}M", count / (1 << 20));
  if (count >= 1 << 10) return fmt::format("{:g}K", count / (1 << 10));
  return fmt::format("{:g}", count);
}

class Plot {
 public:
  Plot(const Chart& chart, double x0) : chart_(chart), left_(x0 + kLeft) {
    for (const ChartLine& line : chart.lines) {
      for (const ChartPoint& point : line.points) {
        if (!CanShow(point)) continue;
        x_.Include(point.x);
        y_.Include(point.y);
      }
    }
    is_empty_ = x_.high == 0;
    if (is_empty_) return;
    if (x_.low == x_.high) x_ = {x_.low / 2, x_.high * 2};
    y_.low = std::pow(10, std::floor(std::log10(y_.low)));
    // A value at a power of ten still gets room above it.
    y_.high = std::pow(10, std::floor(std::log10(y_.high)) + 1);
  }

  std::string Draw() const {
    std::string svg = fmt::format("<text x=\"{}\" y=\"26\" class=\"title\">{}</text>\n", left_,
                                  base::EscapeXml(chart_.title));
    if (is_empty_) return svg;
    DrawGrid(svg);
    DrawLines(svg);
    return svg;
  }

 private:
  double PlaceX(double x) const { return left_ + kWidth * x_.Place(x); }
  double PlaceY(double y) const { return kTop + kHeight * (1 - y_.Place(y)); }

  void DrawGrid(std::string& svg) const {
    for (double value = y_.low; value < y_.high * 1.5; value *= 10) {
      svg +=
          fmt::format("<path class=\"grid\" d=\"M{} {:.1f}h{}\"/>\n", left_, PlaceY(value), kWidth);
      svg += fmt::format("<text x=\"{}\" y=\"{:.1f}\" class=\"left\">{:g}</text>\n", left_ - 8,
                         PlaceY(value) + 4, value);
    }
    // About six marks, at powers of two.
    const double octaves = std::log2(x_.high / x_.low);
    const double step = std::exp2(std::max(1.0, std::ceil(octaves / 6)));
    for (double value = std::exp2(std::ceil(std::log2(x_.low))); value <= x_.high; value *= step)
      svg += fmt::format("<text x=\"{:.1f}\" y=\"{}\" class=\"below\">{}</text>\n", PlaceX(value),
                         kTop + kHeight + 20, FormatMark(value));
  }

  void DrawLines(std::string& svg) const {
    struct Name {
      double y;
      const ChartLine* line;
    };
    std::vector<Name> names;
    for (const ChartLine& line : chart_.lines) {
      std::string points;
      for (const ChartPoint& point : line.points) {
        if (!CanShow(point)) continue;
        const double x = PlaceX(point.x);
        const double y = PlaceY(point.y);
        points += fmt::format("{}{:.1f},{:.1f}", points.empty() ? "" : " ", x, y);
        svg += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"/>\n", x, y,
                           base::EscapeXml(line.colour));
        if (!names.empty() && names.back().line == &line) names.pop_back();
        names.push_back({y, &line});
      }
      svg += fmt::format("<polyline points=\"{}\" stroke=\"{}\"/>\n", points,
                         base::EscapeXml(line.colour));
    }
    // Beside the lines' ends, moved apart where the ends meet.
    std::sort(names.begin(), names.end(), [](const Name& a, const Name& b) { return a.y < b.y; });
    double name_y = -std::numeric_limits<double>::infinity();
    for (const Name& name : names) {
      name_y = std::max(name_y + kLineHeight, name.y + 4);
      svg +=
          fmt::format("<text x=\"{}\" y=\"{:.1f}\" fill=\"{}\">{}</text>\n", left_ + kWidth + 8,
                      name_y, base::EscapeXml(name.line->colour), base::EscapeXml(name.line->name));
    }
  }

  const Chart& chart_;
  double left_;
  bool is_empty_ = false;
  Axis x_;
  Axis y_;
};

}  // namespace

std::string DrawCharts(std::span<const Chart> charts) {
  const double width = kStride * static_cast<double>(charts.size());
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" font-size=\"13\"\n"
      " font-family=\"system-ui, sans-serif\" fill=\"#444\">\n"
      "<style>.title{{font-weight:600}}.left{{text-anchor:end}}.below{{text-anchor:middle}}\n"
      ".grid{{stroke:#ddd}}polyline{{fill:none;stroke-width:2.5}}</style>\n"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"#fff\"/>\n",
      width, kTotalHeight);
  for (size_t i = 0; i < charts.size(); ++i)
    svg += Plot(charts[i], kStride * static_cast<double>(i)).Draw();
  return svg + "</svg>\n";
}

}  // namespace fathom::measure
