// How a command becomes part of the program: it adds itself to a CommandLine, which parses the
// arguments, runs the command that they name, and turns its outcome into an exit code.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/command_help.h"
#include "cli/option.h"
#include "cli/reference.h"

namespace fathom::cli {

/// What the program tells its caller. Errors of a command are kFailure, of its arguments kUsage.
enum class ExitCode : int {
  kSuccess = 0,
  kFailure = 1,
  kUsage = 2,
  kInterrupted = 130,  ///< stopped by SIGINT after finishing its output, as shells report it
};

/// The whole command line of the program.
class CommandLine {
 public:
  /// Runs a command whose options have been parsed.
  using Body = std::function<base::Result<ExitCode>()>;

  explicit CommandLine(const std::string& version);
  ~CommandLine();

  const std::string& version() const { return version_; }

  /// Adds a command; its options are then added to what is returned.
  CLI::App& Add(const CommandHelp& help, Body body);

  /// Everything that has been added.
  ProgramReference Describe() const;

  /// What Run was given, without the program's own name.
  const std::vector<std::string>& arguments() const { return arguments_; }

  /// Parses, runs, and reports an error as one line "fathom: ..." on stderr. Returns the exit code.
  int Run(int argc, const char* const* argv);

 private:
  struct Command {
    CommandHelp help;
    CLI::App* app;
    Body body;
  };

  ExitCode ParseAndRun(int argc, const char* const* argv);

  std::string version_;
  CommandHelp help_;
  std::vector<std::string> arguments_;
  std::unique_ptr<CLI::App> app_;
  std::vector<Command> commands_;
};

}  // namespace fathom::cli
