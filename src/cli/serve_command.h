// `fathom serve`, and what a test may put into it.
#pragma once

#include <functional>

#include "base/result.h"
#include "cli/command.h"
#include "server/options.h"

namespace fathom::cli {

/// Options that tests add to the command, and what they make of them. The program has none.
struct ServeExtension {
  std::function<void(CLI::App& app)> add_options{};
  std::function<base::Status(server::ServerOptions* options)> prepare{};
};

void AddServeCommand(CommandLine& command_line, const ServeExtension& extension);

}  // namespace fathom::cli
