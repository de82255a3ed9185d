// "fathom train", where LibTorch is at hand.
#pragma once

#include "cli/command.h"

namespace fathom::train_cli {

void AddTrainingCommand(cli::CommandLine& command_line);

}  // namespace fathom::train_cli
