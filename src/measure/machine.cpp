#include "measure/machine.h"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "base/file.h"

namespace fathom::measure {
namespace {

std::string FindProcessorName() {
  const auto info = base::ReadFile("/proc/cpuinfo");
  if (!info.ok()) return "unknown processor";
  constexpr std::string_view kKey = "model name";
  const size_t key = info->find(kKey);
  const size_t colon = key == std::string::npos ? key : info->find(": ", key);
  if (colon == std::string::npos) return "unknown processor";
  return info->substr(colon + 2, info->find('\n', colon) - colon - 2);
}

// The kilobytes of one line of /proc/self/smaps_rollup; 0 if it has none.
double FindKilobytes(const std::string& rollup, std::string_view name) {
  const size_t line = rollup.find(fmt::format("\n{}:", name));
  if (line == std::string::npos) return 0;
  return std::strtod(rollup.c_str() + line + name.size() + 2, nullptr);
}

}  // namespace

double LargePageShare() {
  const auto rollup = base::ReadFile("/proc/self/smaps_rollup");
  if (!rollup.ok()) return 0;
  const double mapped = FindKilobytes(*rollup, "Rss") - FindKilobytes(*rollup, "Anonymous");
  return mapped > 0 ? std::min(FindKilobytes(*rollup, "FilePmdMapped") / mapped, 1.0) : 0;
}

std::string DescribeMachine() {
  cpu_set_t cpus;
  const int count = ::sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
  return fmt::format("{}, {} CPU{}", FindProcessorName(), count, count == 1 ? "" : "s");
}

}  // namespace fathom::measure
