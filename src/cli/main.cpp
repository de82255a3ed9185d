#include "cli/command.h"
#include "cli/commands.h"

int main(int argc, char** argv) {
  fathom::cli::CommandLine command_line(FATHOM_VERSION);
  fathom::cli::AddRunCommand(command_line);
  fathom::cli::AddChatCommand(command_line);
  fathom::cli::AddServeCommand(command_line);
  fathom::cli::AddDemoCommand(command_line);
  fathom::cli::AddInspectCommand(command_line);
  fathom::cli::AddCostCommand(command_line);
  fathom::cli::AddBenchCommand(command_line);
  fathom::cli::AddBenchServeCommand(command_line);
  fathom::cli::AddLogitsCommand(command_line);
  fathom::cli::AddSynthCommand(command_line);
  fathom::cli::AddTrainCommand(command_line);
  fathom::cli::AddEvalCommand(command_line);
  fathom::cli::AddReplayCommand(command_line);
  fathom::cli::AddTrainTokenizerCommand(command_line);
  fathom::cli::AddTokenizeCommand(command_line);
  fathom::cli::AddEncodeCommand(command_line);
  fathom::cli::AddReferenceCommand(command_line);
  return command_line.Run(argc, argv);
}
