#include "cli/command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <new>
#include <utility>

#include "cli/help_formatter.h"
#include "cli/output.h"

namespace fathom::cli {
namespace {

constexpr const char* kExitCodes =
    "Exit codes:\n"
    "  0    success\n"
    "  1    failure, told in one line on standard error\n"
    "  2    wrong usage";

CommandHelp MakeProgramHelp() {
  return {.name = "fathom",
          .group = {},
          .summary = "DeepSeek-V4 models on CPU servers",
          .details =
              "\"fathom COMMAND --help\" describes a command. Results go to standard output,\n"
              "everything else to standard error.",
          .environment = {{"FATHOM_ISA",
                           "the kernels to use instead of the best ones for this CPU\n"
                           "(\"fathom inspect\" lists them)"},
                          {"NO_COLOR", "if not empty, nothing is dimmed on a terminal"}}};
}

std::string FormatEntries(const std::string& heading, const std::vector<HelpEntry>& entries) {
  if (entries.empty()) return {};
  size_t width = 0;
  for (const HelpEntry& entry : entries) width = std::max(width, entry.name.size());
  std::string text = heading + ":\n";
  for (const HelpEntry& entry : entries) {
    std::string name = entry.name;
    for (const std::string& line : CLI::detail::split(entry.text, '\n')) {
      text += fmt::format("  {:<{}}    {}\n", name, width, line);
      name.clear();
    }
  }
  return text + "\n";
}

std::string FormatFooter(const CommandHelp& help) {
  std::string footer;
  if (!help.details.empty()) footer += help.details + "\n\n";
  footer += FormatEntries("Environment", help.environment) + FormatEntries("Files", help.files);
  if (!help.examples.empty()) {
    footer += "Examples:\n  ";
    for (const char c : help.examples) footer += c == '\n' ? "\n  " : std::string(1, c);
    footer += "\n\n";
  }
  footer += kExitCodes;
  if (!help.exit_codes.empty()) footer += "\n  " + help.exit_codes;
  return footer;
}

ExitCode Report(const base::Error& error) {
  PrintError(error.message);
  return ExitCode::kFailure;
}

ExitCode PrintAndFinish(const std::string& text) {
  const base::Status written = WriteOutput(text);
  return written.ok() ? ExitCode::kSuccess : Report(written.error());
}

ExitCode ReportUsage(const CLI::App& app, const CLI::ParseError& error) {
  const auto chosen = app.get_subcommands();
  const std::vector<std::string> extras = app.remaining(true);
  std::string what = error.what();
  // Something unknown may well be the reason why something else is missing.
  const auto code = static_cast<CLI::ExitCodes>(error.get_exit_code());
  if (!extras.empty() &&
      (code == CLI::ExitCodes::ExtrasError || code == CLI::ExitCodes::RequiredError)) {
    const std::string& extra = extras.front();
    const char* kind = extra.starts_with('-') ? "unknown option"
                       : chosen.empty()       ? "unknown command"
                                              : "unexpected argument";
    what = fmt::format("{} \"{}\"", kind, extra);
  }
  PrintError(fmt::format("{}; see \"fathom {}--help\"", what,
                         chosen.empty() ? "" : chosen.front()->get_name() + " "));
  return ExitCode::kUsage;
}

}  // namespace

CommandLine::CommandLine(const std::string& version)
    : version_(version),
      help_(MakeProgramHelp()),
      app_(std::make_unique<CLI::App>(help_.summary, help_.name)) {
  app_->formatter(std::make_shared<HelpFormatter>());
  app_->set_help_flag("-h,--help", "Print this help");
  app_->set_version_flag("--version", "fathom " + version, "Print the version");
  app_->footer(FormatFooter(help_));
}

CommandLine::~CommandLine() = default;

CLI::App& CommandLine::Add(const CommandHelp& help, Body body) {
  CLI::App* app = app_->add_subcommand(help.name, help.summary);
  app->group(help.group);
  app->footer(FormatFooter(help));
  commands_.push_back({help, app, std::move(body)});
  return *app;
}

ProgramReference CommandLine::Describe() const {
  ProgramReference reference = {
      .version = version_, .program = DescribeCommand(help_, *app_), .commands = {}};
  for (const Command& command : commands_)
    reference.commands.push_back(DescribeCommand(command.help, *command.app));
  return reference;
}

int CommandLine::Run(int argc, const char* const* argv) {
  PrepareStandardStreams();
  arguments_.assign(argv + std::min(argc, 1), argv + argc);
  return static_cast<int>(ParseAndRun(argc, argv));
}

ExitCode CommandLine::ParseAndRun(int argc, const char* const* argv) try {
  app_->parse(argc, argv);
  for (const Command& command : commands_) {
    if (!command.app->parsed()) continue;
    const base::Result<ExitCode> outcome = command.body();
    return outcome.ok() ? *outcome : Report(outcome.error());
  }
  PrintError("no command given; see \"fathom --help\"");
  return ExitCode::kUsage;
} catch (const CLI::CallForHelp&) {
  return PrintAndFinish(app_->help());
} catch (const CLI::CallForVersion& version) {
  return PrintAndFinish(version.what() + std::string("\n"));
} catch (const CLI::ParseError& error) {
  return ReportUsage(*app_, error);
} catch (const std::bad_alloc&) {
  return Report({"out of memory"});
}

}  // namespace fathom::cli
