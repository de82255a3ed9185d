// Reads traces.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "trace/recording.h"

namespace fathom::trace {

/// Reads the text of a trace. What follows the last line end is left out: it is what a process was
/// writing when it ended. Errors are one line that begins with "PATH:LINE: " and names the field.
base::Result<Recording> ParseTrace(std::string_view text, const std::string& path);

/// The same of the file at `path`.
base::Result<Recording> ReadTrace(const std::string& path);

}  // namespace fathom::trace
