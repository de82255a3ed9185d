#include "evaluate/heat_map.h"

#include <fmt/format.h>

#include <string_view>

#include "base/xml.h"

namespace fathom::evaluate {
namespace {

constexpr int kCellWidth = 72;
constexpr int kCellHeight = 30;
constexpr int kLeft = 96;
constexpr int kTop = 64;
constexpr int kMargin = 24;

// From red over yellow to green, light enough for dark text.
std::string Colour(double share) {
  if (share < 0) return "#eeeeee";
  const auto mix = [](double from, double to, double at) {
    return static_cast<int>(from + (to - from) * at + 0.5);
  };
  if (share < 0.5) {
    const double at = share * 2;
    return fmt::format("#{:02x}{:02x}{:02x}", mix(230, 250, at), mix(124, 220, at),
                       mix(115, 130, at));
  }
  const double at = share * 2 - 1;
  return fmt::format("#{:02x}{:02x}{:02x}", mix(250, 120, at), mix(220, 195, at),
                     mix(130, 130, at));
}

std::string Text(int x, int y, std::string_view anchor, std::string_view text) {
  return fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor,
                     base::EscapeXml(text));
}

std::string Cell(size_t row, size_t column, double share) {
  const int x = kLeft + static_cast<int>(column) * kCellWidth;
  const int y = kTop + static_cast<int>(row) * kCellHeight;
  std::string cell = fmt::format(
      "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\" stroke=\"#ffffff\"/>\n", x, y,
      kCellWidth, kCellHeight, Colour(share));
  if (share >= 0)
    cell += Text(x + kCellWidth / 2, y + kCellHeight / 2 + 4, "middle",
                 fmt::format("{:.0f}", 100 * share));
  return cell;
}

}  // namespace

std::string DrawHeatMap(const HeatMap& map) {
  const int width = kLeft + static_cast<int>(map.columns.size()) * kCellWidth + kMargin;
  const int bottom = kTop + static_cast<int>(map.rows.size()) * kCellHeight;
  const int height = bottom + 2 * kMargin;
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#24292f\">\n"
      "<rect width=\"{0}\" height=\"{1}\" rx=\"8\" fill=\"#ffffff\"/>\n",
      width, height);
  svg += fmt::format("<text x=\"{}\" y=\"28\" font-size=\"15\" font-weight=\"bold\">{}</text>\n",
                     kMargin, base::EscapeXml(map.title));
  svg += Text(kLeft - 8, kTop - 10, "end", map.row_title);
  for (size_t c = 0; c < map.columns.size(); ++c)
    svg += Text(kLeft + static_cast<int>(c) * kCellWidth + kCellWidth / 2, kTop - 10, "middle",
                map.columns[c]);
  for (size_t r = 0; r < map.rows.size(); ++r) {
    svg += Text(kLeft - 8, kTop + static_cast<int>(r) * kCellHeight + kCellHeight / 2 + 4, "end",
                map.rows[r]);
    for (size_t c = 0; c < map.columns.size(); ++c) svg += Cell(r, c, map.shares[r][c]);
  }
  svg += Text((kLeft + width - kMargin) / 2, bottom + kMargin, "middle", map.column_title);
  return svg + "</svg>\n";
}

}  // namespace fathom::evaluate
