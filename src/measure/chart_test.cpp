#include "measure/chart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace fathom::measure {
namespace {

using testing::HasSubstr;
using testing::Not;

int Count(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(Chart, PlacesPointsOnLogarithmicAxes) {
  const Chart chart = {.title = "Speed",
                       .lines = {{"a", "#123456", {{1024, 1}, {32768, 10}, {1048576, 99}}}}};
  const std::string svg = DrawCharts({&chart, 1});
  // The plot is 344 wide from 56 on, 260 high from 46 on, and shows 1 to 100.
  EXPECT_THAT(svg, HasSubstr("<polyline points=\"56.0,306.0 228.0,176.0 400.0,46.6\""));
  EXPECT_EQ(Count(svg, "<circle "), 3);
  for (const char* mark : {">1<", ">10<", ">100<", ">1K<", ">1M<", ">Speed<", ">a<"})
    EXPECT_THAT(svg, HasSubstr(mark));
}

TEST(Chart, LeavesOutWhatALogarithmCannotShow) {
  const double infinity = std::numeric_limits<double>::infinity();
  const Chart chart = {.title = "t", .lines = {{"a", "#000", {{1, 0}, {2, infinity}, {4, 5}}}}};
  const std::string svg = DrawCharts({&chart, 1});
  EXPECT_EQ(Count(svg, "<circle "), 1);
  for (const char* number : {"nan", "inf"}) EXPECT_THAT(svg, Not(HasSubstr(number)));
}

TEST(Chart, WithoutPointsHasItsTitle) {
  const Chart charts[] = {{.title = "none", .lines = {}},
                          {.title = "empty", .lines = {{"a", "#000", {}}}}};
  const std::string svg = DrawCharts(charts);
  EXPECT_THAT(svg, HasSubstr(">none<"));
  EXPECT_THAT(svg, HasSubstr(">empty<"));
  EXPECT_THAT(svg, Not(HasSubstr("polyline points")));
}

TEST(Chart, NamesThatEndAtOnePlaceStandApart) {
  const Chart chart = {.title = "t", .lines = {{"a", "#000", {{1, 5}}}, {"b", "#000", {{1, 5}}}}};
  const std::string svg = DrawCharts({&chart, 1});
  const auto y_of = [&](const std::string& name) {
    const size_t text = svg.rfind("<text", svg.find(">" + name + "</text>"));
    return std::stod(svg.substr(svg.find(" y=\"", text) + 4));
  };
  EXPECT_NEAR(std::abs(y_of("a") - y_of("b")), 15, 0.11);
}

TEST(Chart, EscapesTexts) {
  const Chart chart = {.title = "a<b & \"c\"\n", .lines = {}};
  EXPECT_THAT(DrawCharts({&chart, 1}), HasSubstr("a&lt;b &amp; &quot;c&quot; "));
}

}  // namespace
}  // namespace fathom::measure
