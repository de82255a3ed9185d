// The commands of the program. Each is a file NAME_command.cpp.
#pragma once

#include "cli/command.h"

namespace fathom::cli {

void AddRunCommand(CommandLine& command_line);
void AddChatCommand(CommandLine& command_line);
void AddServeCommand(CommandLine& command_line);
void AddDemoCommand(CommandLine& command_line);
void AddInspectCommand(CommandLine& command_line);
void AddCostCommand(CommandLine& command_line);
void AddBenchCommand(CommandLine& command_line);
void AddBenchServeCommand(CommandLine& command_line);
void AddLogitsCommand(CommandLine& command_line);
void AddSynthCommand(CommandLine& command_line);
void AddTrainCommand(CommandLine& command_line);
void AddTrainTokenizerCommand(CommandLine& command_line);
void AddEvalCommand(CommandLine& command_line);
void AddReplayCommand(CommandLine& command_line);
void AddTokenizeCommand(CommandLine& command_line);
void AddEncodeCommand(CommandLine& command_line);
void AddReferenceCommand(CommandLine& command_line);

}  // namespace fathom::cli
