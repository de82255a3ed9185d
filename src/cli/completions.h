// Scripts by which shells complete the program's commands, options and their values.
#pragma once

#include <string>

#include "cli/reference.h"

namespace fathom::cli {

std::string MakeBashCompletion(const ProgramReference& program);
std::string MakeZshCompletion(const ProgramReference& program);
std::string MakeFishCompletion(const ProgramReference& program);

}  // namespace fathom::cli
