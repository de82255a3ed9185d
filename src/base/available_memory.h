// How much memory may still be taken.
#pragma once

#include <cstdint>
#include <string>

namespace fathom::base {

/// Bytes that this process can still allocate: what the system has available, or less where a
/// control group (version 1 or 2) limits the process. The page cache counts as available, as it
/// can be dropped. The largest integer where nothing tells. `root` stands for "/", for tests.
uint64_t AvailableMemory(const std::string& root = "");

}  // namespace fathom::base
