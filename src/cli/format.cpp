#include "cli/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>

namespace fathom::cli {
namespace {

/// Puts commas between the digits before the point.
std::string Group(std::string_view number) {
  const size_t first = number.starts_with('-') ? 1 : 0;
  const size_t point = std::min(number.find('.'), number.size());
  std::string grouped;
  for (size_t i = 0; i < number.size(); ++i) {
    if (i > first && i < point && (point - i) % 3 == 0) grouped += ',';
    grouped += number[i];
  }
  return grouped;
}

/// In the largest unit that the value reaches; units are a thousandfold of each other.
std::string FormatScaled(double value, std::span<const char* const> units) {
  size_t unit = 0;
  // 999.5 would print as 1000 of the smaller unit.
  while (unit + 1 < units.size() && value >= 999.5) {
    value /= 1000;
    ++unit;
  }
  const int digits = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return fmt::format("{:.{}f}{}", value, digits, units[unit]);
}

}  // namespace

std::string FormatCount(int64_t count) { return Group(fmt::format("{}", count)); }

std::string FormatDecimal(double value, int digits) {
  return Group(fmt::format("{:.{}f}", value, digits));
}

std::string FormatBytes(uint64_t bytes) {
  static constexpr const char* kUnits[] = {" bytes", " kB", " MB", " GB", " TB", " PB", " EB"};
  return FormatScaled(static_cast<double>(bytes), kUnits);
}

std::string FormatMagnitude(int64_t count) {
  static constexpr const char* kUnits[] = {"", " thousand", " million", " billion", " trillion"};
  return FormatScaled(static_cast<double>(count), kUnits);
}

}  // namespace fathom::cli
