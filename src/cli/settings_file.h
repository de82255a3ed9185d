// Options of a command from the environment and from a TOML file. What is an option on the command
// line is one there too: its definition is the only one.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/option.h"

namespace fathom::cli {

/// Lets every option of `app` that was added so far be given as an environment variable:
/// --max-batch as FATHOM_MAX_BATCH.
void AddEnvironment(CLI::App& app);

/// Gives the options that neither the command line nor the environment gave the values of a TOML
/// file: --max-batch is the key max-batch, a list is an option that may be repeated. To be called
/// once the command line was parsed. Errors name the file and the key, or the line.
base::Status ApplySettingsFile(const std::string& path, CLI::App& app);

}  // namespace fathom::cli
