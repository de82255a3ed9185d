#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "cli/commands.h"
#include "cli/completions.h"
#include "cli/man_page.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/settings_page.h"

namespace fathom::cli {
namespace {

struct ReferenceOptions {
  std::string form;
  std::string command;
  std::string directory;
};

struct ReferenceFile {
  std::string name;
  std::string text;
};

base::Result<CommandReference> FindCommand(const ProgramReference& program,
                                           const std::string& name) {
  for (const CommandReference& command : program.commands)
    if (command.help.name == name) return command;
  return base::MakeError("there is no command \"{}\"", name);
}

std::vector<ReferenceFile> MakeManPages(const ProgramReference& program) {
  const auto make = [&](const CommandReference& command) {
    return ReferenceFile{PageName(program, command) + ".1", MakeManPage(program, command)};
  };
  std::vector<ReferenceFile> pages = {make(program.program)};
  for (const CommandReference& command : program.commands) pages.push_back(make(command));
  return pages;
}

// Under the names by which shells and man look for them. What is printed stands first.
std::vector<ReferenceFile> MakeFiles(const ProgramReference& program, const std::string& form,
                                     const CommandReference& serve) {
  if (form == "bash") return {{"fathom", MakeBashCompletion(program)}};
  if (form == "zsh") return {{"_fathom", MakeZshCompletion(program)}};
  if (form == "fish") return {{"fathom.fish", MakeFishCompletion(program)}};
  if (form == "settings") return {{"configuration.md", MakeSettingsPage(serve)}};
  return MakeManPages(program);
}

base::Result<ExitCode> PrintReference(const ProgramReference& program,
                                      const ReferenceOptions& options) {
  FATHOM_ASSIGN(const CommandReference serve, FindCommand(program, "serve"));
  if (!options.command.empty()) {
    FATHOM_ASSIGN(const CommandReference command, FindCommand(program, options.command));
    FATHOM_TRY(WriteOutput(MakeManPage(program, command)));
    return ExitCode::kSuccess;
  }
  const std::vector<ReferenceFile> files = MakeFiles(program, options.form, serve);
  if (options.directory.empty()) {
    FATHOM_TRY(WriteOutput(files.front().text));
    return ExitCode::kSuccess;
  }
  for (const ReferenceFile& file : files)
    FATHOM_TRY(base::ReplaceFile(options.directory + "/" + file.name, file.text));
  return ExitCode::kSuccess;
}

}  // namespace

void AddReferenceCommand(CommandLine& command_line) {
  const auto options = std::make_shared<ReferenceOptions>();
  CLI::App& app = command_line.Add(
      {.name = "reference",
       .group = kProgramGroup,
       .summary = "Print completions, manual pages, settings",
       .details = "bash, zsh, fish  a script by which that shell completes commands and options\n"
                  "man              a manual page, of the program or of a command\n"
                  "settings         what the file of \"fathom serve --config\" may hold, as\n"
                  "                 Markdown\n"
                  "\n"
                  "All are made from the definitions of the options. The Debian package has\n"
                  "installed them where shells and man look for them.",
       .examples = "source <(fathom reference bash)\n"
                   "fathom reference fish > ~/.config/fish/completions/fathom.fish\n"
                   "fathom reference man --command serve | man -l -\n"
                   "fathom reference man --out ~/.local/share/man/man1"},
      [options, &command_line] { return PrintReference(command_line.Describe(), *options); });
  AddChoice(app, "FORM", {"bash", "zsh", "fish", "man", "settings"},
            "bash, zsh, fish, man or settings",
            [options](const std::string& form) { options->form = form; })
      .Require();
  const Option command =
      AddText(app, "--command", "NAME", "man: the page of this command (default: of the\nprogram)",
              &options->command);
  AddText(app, "--out", "DIR", "Write everything of this form as files of this\ndirectory",
          &options->directory)
      .Exclude(command);
}

}  // namespace fathom::cli
