#include "cli/help_formatter.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace fathom::cli {
namespace {

constexpr size_t kColumn = 26;

/// "-m, --model DIR", or "DIR" for an argument.
std::string FormatName(const CLI::Option& option) {
  if (option.get_positional()) return option.get_name(true);
  std::string name;
  for (const std::string& s : option.get_snames()) name += (name.empty() ? "-" : ", -") + s;
  if (name.empty()) name = "    ";
  for (const std::string& l : option.get_lnames())
    name += (name.starts_with('-') && !name.ends_with(' ') ? ", --" : "--") + l;
  if (option.get_type_size() != 0) name += " " + option.get_type_name();
  return name;
}

/// A line of two columns; line ends in `description` stay in the second one.
std::string FormatEntry(const std::string& name, const std::string& description) {
  std::string text = "  " + name;
  text += text.size() + 2 > kColumn ? "\n" + std::string(kColumn, ' ')
                                    : std::string(kColumn - text.size(), ' ');
  for (const char c : description)
    text += c == '\n' ? "\n" + std::string(kColumn, ' ') : std::string(1, c);
  return text + "\n";
}

std::string FormatOptions(const CLI::App& app, const std::string& group) {
  if (group.empty()) return {};  // of options that are not shown
  std::string text;
  const CLI::Option* help = app.get_help_ptr();
  for (const CLI::Option* option : app.get_options())
    if (option->nonpositional() && option->get_group() == group && option != help)
      text += FormatEntry(FormatName(*option), option->get_description());
  if (help != nullptr && help->get_group() == group)
    text += FormatEntry(FormatName(*help), help->get_description());
  return text.empty() ? "" : fmt::format("\n{}:\n{}", group, text);
}

std::string FormatArguments(const CLI::App& app) {
  std::string text;
  for (const CLI::Option* option : app.get_options())
    if (option->get_positional())
      text += FormatEntry(FormatName(*option), option->get_description());
  return text.empty() ? "" : "\nArguments:\n" + text;
}

std::string FormatCommands(const CLI::App& app) {
  std::vector<std::string> groups;
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* command : commands)
    if (std::ranges::find(groups, command->get_group()) == groups.end())
      groups.push_back(command->get_group());
  std::string text;
  for (const std::string& group : groups) {
    text += fmt::format("\n{}:\n", group);
    for (const CLI::App* command : commands)
      if (command->get_group() == group)
        text += FormatEntry(command->get_name(), command->get_description());
  }
  return text;
}

}  // namespace

std::string FormatUsage(const CLI::App& app) {
  std::string usage = app.get_name();
  if (app.get_parent() != nullptr) usage = app.get_parent()->get_name() + " " + usage;
  for (const CLI::Option* option : app.get_options())
    if (option->nonpositional() && option->get_required())
      usage += fmt::format(" --{} {}", option->get_lnames().front(), option->get_type_name());
  usage += " [OPTION]...";
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_positional()) continue;
    usage += option->get_required() ? " " + option->get_name(true)
                                    : fmt::format(" [{}]", option->get_name(true));
  }
  if (app.get_parent() == nullptr) usage += " COMMAND";
  return usage;
}

std::string HelpFormatter::make_help(const CLI::App* app, std::string name,
                                     CLI::AppFormatMode /*mode*/) const {
  std::string text = fmt::format("{} - {}\n\n", name, app->get_description());
  text += fmt::format("Usage: {}\n", FormatUsage(*app));
  text += FormatArguments(*app) + FormatCommands(*app);
  for (const std::string& group : app->get_groups()) text += FormatOptions(*app, group);
  return text + "\n" + app->get_footer() + "\n";
}

}  // namespace fathom::cli
