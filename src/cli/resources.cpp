#include "cli/resources.h"

#include <filesystem>
#include <system_error>

#include "base/available_memory.h"
#include "cli/format.h"

namespace fathom::cli {
namespace {

/// As FormatBytes, for what may be beyond 64 bits.
std::string FormatNeed(double bytes) {
  return bytes < 1e19 ? FormatBytes(static_cast<uint64_t>(bytes)) : "more than 10 EB";
}

}  // namespace

base::Status CheckDiskSpace(const std::string& path, double bytes) {
  std::error_code code;
  std::filesystem::path existing = std::filesystem::absolute(path, code);
  while (existing.has_relative_path() && !std::filesystem::exists(existing, code))
    existing = existing.parent_path();
  const auto space = std::filesystem::space(existing, code);
  // A file system that cannot tell will have to be tried.
  if (code || static_cast<double>(space.available) >= bytes) return {};
  return base::MakeError("{}: needs {} of disk space, {} are free", path, FormatNeed(bytes),
                         FormatBytes(space.available));
}

base::Status CheckMemory(const std::string& what, double bytes) {
  const uint64_t available = base::AvailableMemory();
  if (static_cast<double>(available) >= bytes) return {};
  return base::MakeError("{} needs {} of memory, {} are available", what, FormatNeed(bytes),
                         FormatBytes(available));
}

}  // namespace fathom::cli
