#include "cli/reference.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/help_formatter.h"

namespace fathom::cli {
namespace {

std::vector<std::string> ListNames(const CLI::Option& option) {
  if (option.get_positional()) return {option.get_name(true)};
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  return names;
}

// See AddChecked in option.cpp.
std::string FindValues(CLI::Option& option) {
  try {
    return option.get_validator(0)->get_name();
  } catch (const CLI::OptionNotFound&) {
    return {};
  }
}

OptionReference DescribeOption(CLI::Option& option) {
  OptionReference reference = {
      .names = ListNames(option),
      .type = option.get_type_size() == 0 ? std::string() : option.get_type_name(),
      .values = FindValues(option),
      .description = option.get_description(),
      .heading = option.get_group(),
      .variable = option.get_envname(),
      .is_argument = option.get_positional(),
      .is_repeatable = option.get_items_expected_max() > 1,
      .is_setting = option.get_configurable() && !option.get_lnames().empty()};
  std::ranges::replace(reference.description, '\n', ' ');
  return reference;
}

}  // namespace

CommandReference DescribeCommand(const CommandHelp& help, CLI::App& app) {
  CommandReference command = {.help = help, .usage = FormatUsage(app), .options = {}};
  CLI::Option* const help_option = app.get_help_ptr();
  for (CLI::Option* option : app.get_options())
    if (!option->get_group().empty() && option != help_option)
      command.options.push_back(DescribeOption(*option));
  command.options.push_back(DescribeOption(*help_option));
  return command;
}

std::vector<std::string> ListChoices(const OptionReference& option) {
  std::vector<std::string> words = CLI::detail::split(option.type, '|');
  if (words.size() < 2) words.clear();
  return words;
}

std::string PageName(const ProgramReference& program, const CommandReference& command) {
  const std::string& root = program.program.help.name;
  return command.help.name == root ? root : root + "-" + command.help.name;
}

}  // namespace fathom::cli
