// How far a long operation is, for somebody who watches.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace fathom::cli {

/// A line on standard error that is rewritten at most ten times a second and erased at the end.
/// Silent where standard error is no terminal.
class ProgressBar {
 public:
  enum class Unit : uint8_t { kBytes, kTokens, kSteps };

  ProgressBar(std::string label, Unit unit);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void Update(uint64_t done, uint64_t total);

 private:
  using Clock = std::chrono::steady_clock;

  std::string FormatLine(uint64_t done, uint64_t total, Clock::time_point now) const;

  std::string label_;
  Unit unit_;
  bool visible_;
  bool drawn_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_drawn_;
};

}  // namespace fathom::cli
