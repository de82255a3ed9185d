// `fathom train`: one set of options for the program and for the trainer that it becomes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "cli/command.h"

namespace fathom::cli {

struct TrainFlags {
  std::string recipe;
  std::string out;
  std::string from;
  int64_t lora_rank = 0;
  int threads = 0;
};

/// Adds the command; `train` does its work.
void AddTrainCommand(CommandLine& command_line,
                     std::function<base::Result<ExitCode>(const TrainFlags&)> train);

}  // namespace fathom::cli
