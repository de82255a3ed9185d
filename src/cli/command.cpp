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

constexpr const char* kProgramDetails =
    "\"fathom COMMAND --help\" describes a command. Results go to standard output,\n"
    "everything else to standard error.\n"
    "\n"
    "Environment:\n"
    "  FATHOM_ISA    the kernels to use instead of the best ones for this CPU\n"
    "                (\"fathom inspect\" lists them)";

std::string FormatFooter(const CommandHelp& help) {
  std::string footer;
  if (!help.details.empty()) footer += help.details + "\n\n";
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
      app_(std::make_unique<CLI::App>("DeepSeek-V4 models on CPU servers", "fathom")) {
  app_->formatter(std::make_shared<HelpFormatter>());
  app_->set_help_flag("-h,--help", "Print this help");
  app_->set_version_flag("--version", "fathom " + version, "Print the version");
  app_->footer(FormatFooter({.details = kProgramDetails}));
}

CommandLine::~CommandLine() = default;

CLI::App& CommandLine::Add(const CommandHelp& help, Body body) {
  CLI::App* app = app_->add_subcommand(help.name, help.summary);
  app->group(help.group);
  app->footer(FormatFooter(help));
  commands_.push_back({app, std::move(body)});
  return *app;
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
