// What the program takes, as data. Completions, manual pages and the list of settings are made of
// it, so that an option is described where it is defined and nowhere else.
#pragma once

#include <string>
#include <vector>

#include "cli/command_help.h"

namespace CLI {
class App;
}

namespace fathom::cli {

struct OptionReference {
  std::vector<std::string> names{};  ///< "-m", "--model"; of an argument "DIR"
  std::string type{};         ///< what stands for a value: "DIR", "none|high|max"; empty: none does
  std::string values{};       ///< "an integer from 1"; empty: any text, or none
  std::string description{};  ///< one line without a full stop
  std::string heading{};      ///< that it stands under
  std::string variable{};     ///< of the environment; empty: none
  bool is_argument = false;   ///< it has no name
  bool is_repeatable = false;
  bool is_setting = false;  ///< a settings file may give it, if the command reads one
};

struct CommandReference {
  CommandHelp help{};
  std::string usage{};  ///< "fathom inspect [OPTION]... DIR"
  std::vector<OptionReference> options{};
};

struct ProgramReference {
  std::string version{};
  CommandReference program{};
  std::vector<CommandReference> commands{};
};

/// `help`, and what `app` takes, without options that the help does not show.
CommandReference DescribeCommand(const CommandHelp& help, CLI::App& app);

/// The words of a type such as "none|high|max"; of all others, none.
std::vector<std::string> ListChoices(const OptionReference& option);

/// The page of a command is "fathom-serve", that of the program "fathom".
std::string PageName(const ProgramReference& program, const CommandReference& command);

}  // namespace fathom::cli
