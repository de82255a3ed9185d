#include "base/cores.h"

#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace fathom::base {

std::vector<int> AvailableCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) {
    for (int core = 0; core < CPU_SETSIZE; ++core)
      if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  if (cores.empty()) cores.push_back(0);
  return cores;
}

void AllowCores(std::span<const int> cores) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : cores) CPU_SET(core, &set);
  static_cast<void>(::sched_setaffinity(0, sizeof set, &set));
}

Status InterleaveMemory() {
  constexpr int kMaxNodes = 64;
  unsigned long nodes = 0;  // a bit each
  int count = 0;
  for (int node = 0; node < kMaxNodes; ++node) {
    std::error_code ignored;
    const std::string path = "/sys/devices/system/node/node" + std::to_string(node);
    if (!std::filesystem::exists(path, ignored)) continue;
    nodes |= 1ul << node;
    ++count;
  }
  if (count < 2) return {};
  if (::syscall(SYS_set_mempolicy, MPOL_INTERLEAVE, &nodes, kMaxNodes + 1) != 0)
    return MakeError("interleave_memory: cannot spread memory over {} nodes: {}", count,
                     std::strerror(errno));
  return {};
}

}  // namespace fathom::base
