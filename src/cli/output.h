// Standard output and standard error.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace fathom::cli {

/// Call before anything is opened. Writing to a pipe that nobody reads, or beyond a limit of file
/// sizes, becomes an error instead of a signal; a standard stream that is closed stays unusable
/// instead of becoming the next file that is opened.
void PrepareStandardStreams();

/// Writes all of `text` to standard output at once: nothing waits in a buffer. A full disk and a
/// closed pipe are errors.
base::Status WriteOutput(std::string_view text);

/// Writes "fathom: MESSAGE" and a line end to standard error.
void PrintError(std::string_view message);

/// Writes a line of a log to standard error. May be called from any thread: lines stay whole.
void PrintLogLine(std::string_view line);

/// `text` on one line: control characters, as a file's name may have them, are escaped.
std::string EscapeControls(std::string_view text);

}  // namespace fathom::cli
