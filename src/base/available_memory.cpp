#include "base/available_memory.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <string_view>

#include "base/file.h"

namespace fathom::base {
namespace {

constexpr uint64_t kUnlimited = std::numeric_limits<uint64_t>::max();

/// Files of a kind of control group, below its hierarchy's mount point.
struct GroupKind {
  std::string_view controllers;  ///< of the line in /proc/self/cgroup
  const char* mount;
  const char* limit;
  const char* usage;
  std::string_view caches[2];  ///< keys in memory.stat of page cache that can be dropped
};
constexpr GroupKind kGroupKinds[] = {
    {"", "/sys/fs/cgroup", "memory.max", "memory.current", {"inactive_file", "active_file"}},
    {"memory",
     "/sys/fs/cgroup/memory",
     "memory.limit_in_bytes",
     "memory.usage_in_bytes",
     {"total_inactive_file", "total_active_file"}},
};

std::optional<uint64_t> ParseNumber(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return number;
}

std::optional<uint64_t> ReadNumber(const std::string& path) {
  const auto text = ReadFile(path);
  return text.ok() ? ParseNumber(*text) : std::nullopt;
}

/// Calls `visit(line)` until it returns true.
template <typename Visit>
void VisitLines(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (visit(text.substr(0, end))) return;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

/// The number behind `key` at the beginning of a line; 0 if there is none.
uint64_t FindNumber(std::string_view text, std::string_view key) {
  uint64_t found = 0;
  VisitLines(text, [&](std::string_view line) {
    if (!line.starts_with(key)) return false;
    line.remove_prefix(key.size());
    if (!line.starts_with(' ') && !line.starts_with(':')) return false;
    found = ParseNumber(line.substr(1)).value_or(0);
    return true;
  });
  return found;
}

/// The path of this process's group of that kind.
std::string FindGroup(std::string_view groups, const GroupKind& kind) {
  std::string path;
  VisitLines(groups, [&](std::string_view line) {  // "4:memory:/path", or "0::/path" in version 2
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == line.npos || second == line.npos) return false;
    if (line.substr(first + 1, second - first - 1) != kind.controllers) return false;
    path = line.substr(second + 1);
    return true;
  });
  return path;
}

uint64_t AvailableInGroup(const std::string& directory, const GroupKind& kind) {
  const auto limit = ReadNumber(directory + "/" + kind.limit);
  const auto usage = ReadNumber(directory + "/" + kind.usage);
  if (!limit || !usage) return kUnlimited;
  uint64_t cache = 0;
  if (const auto stat = ReadFile(directory + "/memory.stat"); stat.ok())
    for (const std::string_view key : kind.caches) cache += FindNumber(*stat, key);
  const uint64_t taken = *usage - std::min(cache, *usage);
  return *limit - std::min(taken, *limit);
}

/// The least that the group and those above it leave. A container may not see the path that it
/// is told, but always the mount point.
uint64_t AvailableInGroups(const std::string& root, std::string_view groups,
                           const GroupKind& kind) {
  uint64_t available = kUnlimited;
  std::string path = FindGroup(groups, kind);
  for (;;) {
    available = std::min(available, AvailableInGroup(root + kind.mount + path, kind));
    if (path.empty()) return available;
    path.resize(path.rfind('/') == path.npos ? 0 : path.rfind('/'));
  }
}

}  // namespace

uint64_t AvailableMemory(const std::string& root) {
  uint64_t available = kUnlimited;
  if (const auto meminfo = ReadFile(root + "/proc/meminfo"); meminfo.ok()) {
    const uint64_t kibibytes = FindNumber(*meminfo, "MemAvailable");
    if (kibibytes > 0) available = kibibytes * 1024;
  }
  const auto groups = ReadFile(root + "/proc/self/cgroup");
  if (!groups.ok()) return available;
  for (const GroupKind& kind : kGroupKinds)
    available = std::min(available, AvailableInGroups(root, *groups, kind));
  return available;
}

}  // namespace fathom::base
