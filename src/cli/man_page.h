// Manual pages, in the macros of man(7).
#pragma once

#include <string>

#include "cli/reference.h"

namespace fathom::cli {

/// The page of section 1 for `command`, which is `program.program` or one of its commands.
std::string MakeManPage(const ProgramReference& program, const CommandReference& command);

}  // namespace fathom::cli
