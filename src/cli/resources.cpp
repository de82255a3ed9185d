#include "cli/resources.h"

#include <charconv>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "base/file.h"
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
  const auto meminfo = base::ReadFile("/proc/meminfo");
  if (!meminfo.ok()) return {};
  constexpr std::string_view kKey = "MemAvailable:";
  const size_t at = meminfo->find(kKey);
  if (at == std::string::npos) return {};
  const size_t digits = meminfo->find_first_not_of(' ', at + kKey.size());
  uint64_t kibibytes = 0;
  std::from_chars(meminfo->data() + digits, meminfo->data() + meminfo->size(), kibibytes);
  if (static_cast<double>(kibibytes) * 1024 >= bytes) return {};
  return base::MakeError("{} needs {} of memory, {} are available", what, FormatNeed(bytes),
                         FormatBytes(kibibytes * 1024));
}

}  // namespace fathom::cli
