// The page that lists what a settings file may hold.
#pragma once

#include <string>

#include "cli/reference.h"

namespace fathom::cli {

/// Markdown: the key, the variable and the values of each option of `command`, which reads a
/// settings file (settings_file.h).
std::string MakeSettingsPage(const CommandReference& command);

}  // namespace fathom::cli
