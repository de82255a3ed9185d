// Time, and what to make of several times.
#pragma once

#include <chrono>
#include <vector>

namespace fathom::measure {

/// Runs from its making on.
class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// The middle one, or the mean of the two in the middle. REQUIRES: not empty.
double Median(std::vector<double> values);

}  // namespace fathom::measure
