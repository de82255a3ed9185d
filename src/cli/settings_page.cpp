#include "cli/settings_page.h"

#include <fmt/format.h>

#include <string_view>

namespace fathom::cli {
namespace {

constexpr const char* kIntroduction =
    "# Settings of the server\n"
    "\n"
    "<!-- Written by \"fathom reference settings\". -->\n"
    "\n"
    "Each option of `fathom serve` is also a key of the TOML file that `--config` names and a "
    "variable\n"
    "of the environment. The command line wins, then the environment, then the file. A number may "
    "be\n"
    "text, so that an amount can have its suffix: `kv-memory = \"40G\"`. An unknown key and a "
    "wrong\n"
    "value are errors that name the file and the key.\n";

std::string EscapeCell(std::string_view text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|' || c == '*' || c == '_' || c == '<') cell += '\\';
    cell += c;
  }
  return cell;
}

std::string DescribeValues(const OptionReference& option) {
  if (option.type.empty()) return "`true` or `false`";
  if (!option.values.empty()) return EscapeCell(option.values);
  const std::string kind = option.type == "FILE"  ? "the path of a file"
                           : option.type == "DIR" ? "the path of a directory"
                                                  : "text";
  return option.is_repeatable ? kind + ", or a list" : kind;
}

std::string FormatRow(const OptionReference& option) {
  const std::string key = option.names.back().substr(2);
  return fmt::format("| `{}` | `{}` | {} | {} |\n", key, option.variable, DescribeValues(option),
                     EscapeCell(option.description));
}

}  // namespace

std::string MakeSettingsPage(const CommandReference& command) {
  std::string page = kIntroduction;
  std::string heading;
  for (const OptionReference& option : command.options) {
    if (!option.is_setting) continue;
    if (option.heading != heading)
      page += fmt::format("\n## {}\n\n| key | variable | values | |\n|---|---|---|---|\n",
                          heading = option.heading);
    page += FormatRow(option);
  }
  return page;
}

}  // namespace fathom::cli
