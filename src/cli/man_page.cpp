#include "cli/man_page.h"

#include <fmt/format.h>

#include <CLI/StringTools.hpp>
#include <algorithm>
#include <cctype>
#include <string_view>
#include <vector>

namespace fathom::cli {
namespace {

std::vector<std::string> SplitLines(const std::string& text) {
  return CLI::detail::split(text, '\n');
}

// A minus stays one that can be copied into a shell, and nothing is a request to the formatter.
std::string EscapeRoff(std::string_view line) {
  std::string text = line.starts_with('.') || line.starts_with('\'') ? "\\&" : "";
  for (const char c : line) {
    if (c == '\\')
      text += "\\e";
    else if (c == '-')
      text += "\\-";
    else
      text += c;
  }
  return text;
}

std::string EscapeLines(const std::string& text) {
  std::string page;
  for (const std::string& line : SplitLines(text)) page += EscapeRoff(line) + "\n";
  return page;
}

// Columns have to stay columns.
bool IsLaidOut(const std::string& line) { return line.find("  ") != line.npos; }

std::string FormatParagraph(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += EscapeRoff(line) + "\n";
  return std::ranges::any_of(lines, IsLaidOut) ? ".nf\n" + text + ".fi\n" : text;
}

std::string FormatParagraphs(const std::string& text) {
  std::string page;
  std::vector<std::string> paragraph;
  const auto finish = [&] {
    if (paragraph.empty()) return;
    page += (page.empty() ? "" : ".PP\n") + FormatParagraph(paragraph);
    paragraph.clear();
  };
  for (const std::string& line : SplitLines(text)) {
    if (line.empty())
      finish();
    else
      paragraph.push_back(line);
  }
  finish();
  return page;
}

std::string FormatSection(const std::string& heading, const std::string& body) {
  if (body.empty()) return {};
  std::string name = heading;
  for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return ".SH " + name + "\n" + body;
}

std::string FormatParagraph(const std::string& label, const std::string& text) {
  return fmt::format(".TP\n{}\n{}", label, EscapeLines(text));
}

std::string FormatOption(const OptionReference& option) {
  std::string label;
  for (const std::string& name : option.names)
    label += fmt::format("{}\\fB{}\\fR", label.empty() ? "" : ", ", EscapeRoff(name));
  if (!option.is_argument && !option.type.empty())
    label += fmt::format(" \\fI{}\\fR", EscapeRoff(option.type));
  std::string text = option.description;
  if (!option.values.empty() && ListChoices(option).empty()) text += "; " + option.values;
  return FormatParagraph(label, text + ".");
}

std::string FormatOptions(const CommandReference& command, const std::string& heading) {
  std::string page;
  for (const OptionReference& option : command.options)
    if (!option.is_argument && option.heading == heading) page += FormatOption(option);
  return page.empty() ? page : fmt::format(".SS {}\n{}", EscapeRoff(heading), page);
}

// Headings in the order in which they come first.
std::string FormatOptions(const CommandReference& command) {
  std::string page;
  std::vector<std::string> done;
  for (const OptionReference& option : command.options) {
    if (std::ranges::find(done, option.heading) != done.end()) continue;
    done.push_back(option.heading);
    page += FormatOptions(command, option.heading);
  }
  return page;
}

std::string FormatArguments(const CommandReference& command) {
  std::string page;
  for (const OptionReference& option : command.options)
    if (option.is_argument) page += FormatOption(option);
  return page;
}

std::string FormatCommands(const ProgramReference& program) {
  std::string page;
  std::string group;
  for (const CommandReference& command : program.commands) {
    if (command.help.group != group) page += ".SS " + EscapeRoff(group = command.help.group) + "\n";
    const std::string label = fmt::format("\\fB{}\\fR(1)", EscapeRoff(PageName(program, command)));
    page += FormatParagraph(label, command.help.summary + ".");
  }
  return page;
}

std::string FormatEntries(const std::vector<HelpEntry>& entries) {
  std::string page;
  for (const HelpEntry& entry : entries)
    page += FormatParagraph("\\fB" + EscapeRoff(entry.name) + "\\fR", entry.text);
  return page;
}

std::string FormatEnvironment(const CommandReference& command) {
  std::string variables;
  for (const OptionReference& option : command.options)
    if (!option.variable.empty())
      variables += fmt::format("{}\\fB{}\\fR", variables.empty() ? "" : ",\n", option.variable);
  if (!variables.empty()) variables = "What the options of these names take:\n" + variables + ".\n";
  return variables + FormatEntries(command.help.environment);
}

std::string FormatExitCodes(const CommandHelp& help) {
  std::string page = FormatParagraph("0", "Success.") +
                     FormatParagraph("1", "Failure, told in one line on standard error.") +
                     FormatParagraph("2", "Wrong usage.");
  const size_t space = help.exit_codes.find(' ');
  if (space != help.exit_codes.npos)
    page += FormatParagraph(help.exit_codes.substr(0, space),
                            CLI::detail::trim_copy(help.exit_codes.substr(space)) + ".");
  return page;
}

std::string FormatExamples(const std::string& examples) {
  return examples.empty() ? examples : ".nf\n" + EscapeLines(examples) + ".fi\n";
}

}  // namespace

std::string MakeManPage(const ProgramReference& program, const CommandReference& command) {
  const bool is_program = &command == &program.program;
  const CommandHelp& help = command.help;
  const std::string name = PageName(program, command);
  std::string page = fmt::format(".TH \"{}\" 1 \"\" \"{} {}\" \"\"\n", EscapeRoff(name),
                                 program.program.help.name, program.version);
  page +=
      FormatSection("Name", fmt::format("{} \\- {}\n", EscapeRoff(name), EscapeRoff(help.summary)));
  page += FormatSection("Synopsis", EscapeRoff(command.usage) + "\n");
  page += FormatSection("Description", FormatParagraphs(help.details));
  if (is_program) page += FormatSection("Commands", FormatCommands(program));
  page += FormatSection("Arguments", FormatArguments(command));
  page += FormatSection("Options", FormatOptions(command));
  page += FormatSection("Environment", FormatEnvironment(command));
  page += FormatSection("Files", FormatEntries(help.files));
  page += FormatSection("Exit status", FormatExitCodes(help));
  page += FormatSection("Examples", FormatExamples(help.examples));
  if (!is_program) page += FormatSection("See also", "\\fBfathom\\fR(1)\n");
  return page;
}

}  // namespace fathom::cli
