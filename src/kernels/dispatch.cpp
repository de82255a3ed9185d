#include "kernels/dispatch.h"

#include <fmt/ranges.h>

#include <cstdlib>
#include <vector>

#include "kernels/tiers.h"

namespace fathom::kernels {
namespace {

struct Tier {
  const KernelTable& (*table)();
  bool (*supported)();
};

// __builtin_cpu_supports asks the operating system's state too: it denies what the kernel does not
// save and restore.
bool HasAvx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

bool HasAvx512() {
  return HasAvx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

bool HasAvx512Bf16() {
  return HasAvx512() && __builtin_cpu_supports("avx512bf16") &&
         __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vbmi");
}

// In order of preference.
constexpr Tier kTiers[] = {
    {Avx512Bf16Kernels, HasAvx512Bf16},
    {Avx512Kernels, HasAvx512},
    {Avx2Kernels, HasAvx2},
    {PortableKernels, [] { return true; }},
};

std::vector<std::string_view> SupportedNames() {
  std::vector<std::string_view> names;
  for (const KernelTable* table : SupportedKernels()) names.emplace_back(table->name);
  return names;
}

}  // namespace

std::span<const KernelTable* const> SupportedKernels() {
  static const std::vector<const KernelTable*> kSupported = [] {
    std::vector<const KernelTable*> tables;
    for (const Tier& tier : kTiers)
      if (tier.supported()) tables.push_back(&tier.table());
    return tables;
  }();
  return kSupported;
}

base::Result<const KernelTable*> FindKernels(std::string_view name) {
  for (const KernelTable* table : SupportedKernels())
    if (table->name == name) return table;
  return base::MakeError("\"{}\" is not an instruction set tier that can run here; those are {}",
                         name, fmt::join(SupportedNames(), ", "));
}

base::Result<const KernelTable*> SelectKernels() {
  const char* forced = std::getenv("FATHOM_ISA");
  if (forced == nullptr || *forced == '\0') return SupportedKernels().front();
  auto found = FindKernels(forced);
  if (!found.ok()) return base::MakeError("FATHOM_ISA={}: {}", forced, found.error().message);
  return *found;
}

}  // namespace fathom::kernels
