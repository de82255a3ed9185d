// The commands of the program. Each is a file NAME_command.cpp.
#pragma once

#include "cli/command.h"

namespace fathom::cli {

void AddTokenizeCommand(CommandLine& command_line);
void AddEncodeCommand(CommandLine& command_line);

}  // namespace fathom::cli
