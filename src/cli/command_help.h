// What a command says about itself, beside its options.
#pragma once

#include <string>
#include <vector>

namespace fathom::cli {

/// Groups of commands in the program's help, in this order.
inline constexpr const char* kTalkGroup = "Talk to a model";
inline constexpr const char* kModelGroup = "Look at models";
inline constexpr const char* kTextGroup = "Text and tokens";
inline constexpr const char* kProgramGroup = "The program itself";

/// A variable of the environment, or a file, and what it is for.
struct HelpEntry {
  std::string name{};
  std::string text{};  ///< may have lines
};

/// A command's entry in the help, without the options.
struct CommandHelp {
  std::string name{};
  std::string group{};
  std::string summary{};                 ///< one line without a full stop: "Answer one prompt"
  std::string details{};                 ///< paragraphs below the options
  std::vector<HelpEntry> environment{};  ///< variables that are no options
  std::vector<HelpEntry> files{};        ///< that are read or written without being named
  std::string examples{};                ///< one command a line
  std::string exit_codes{};              ///< beyond 0, 1 and 2: "130  interrupted"
};

}  // namespace fathom::cli
