#include "measure/stopwatch.h"

#include <algorithm>

#include "base/check.h"

namespace fathom::measure {

double Median(std::vector<double> values) {
  FATHOM_CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace fathom::measure
