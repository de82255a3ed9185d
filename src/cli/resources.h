// Whether a result will fit, asked before it is computed.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace fathom::cli {

/// Fails unless the file system of `path`, which need not exist yet, has `bytes` free. The error
/// says how much is needed and how much there is.
base::Status CheckDiskSpace(const std::string& path, double bytes);

/// Fails unless `bytes` of memory are available; `what` needs them.
base::Status CheckMemory(const std::string& what, double bytes);

}  // namespace fathom::cli
