#include "measure/machine.h"

#include <fmt/format.h>
#include <sched.h>

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

}  // namespace

std::string DescribeMachine() {
  cpu_set_t cpus;
  const int count = ::sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
  return fmt::format("{}, {} CPU{}", FindProcessorName(), count, count == 1 ? "" : "s");
}

}  // namespace fathom::measure
