#include "cli/completions.h"

#include <fmt/format.h>

#include <map>
#include <string_view>
#include <vector>

namespace fathom::cli {
namespace {

enum class Value { kNone, kText, kFile, kDirectory, kChoice };

Value ValueOf(const OptionReference& option) {
  if (option.type.empty()) return Value::kNone;
  if (option.type == "DIR") return Value::kDirectory;
  // Where a model may be one by name, its path is one, too.
  if (option.type == "FILE" || option.type == "PATH" || option.type == "MODEL") return Value::kFile;
  return ListChoices(option).empty() ? Value::kText : Value::kChoice;
}

// `text` for a shell's single quotes, in which `escape` stands for one of them.
std::string Quote(std::string_view text, std::string_view escape) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string(escape) : std::string(1, c);
  return quoted + "'";
}

std::string FormatHeader(const ProgramReference& program, const std::string& shell) {
  return fmt::format("# Completion of fathom {} in {}, written by \"fathom reference {}\".\n",
                     program.version, shell, shell);
}

// Names of options, with spaces between them.
std::string JoinOptionNames(const CommandReference& command) {
  std::string names;
  for (const OptionReference& option : command.options)
    if (!option.is_argument)
      names += fmt::format("{}{}", names.empty() ? "" : " ", fmt::join(option.names, " "));
  return names;
}

// bash: what `compgen` is asked for.

std::string BashOffer(const OptionReference& option) {
  switch (ValueOf(option)) {
    case Value::kFile:
      return "offer=(-f)";
    case Value::kDirectory:
      return "offer=(-d)";
    case Value::kChoice:
      return fmt::format("offer=(-W '{}')", fmt::join(ListChoices(option), " "));
    case Value::kText:
    case Value::kNone:
      return "offer=()";
  }
  return {};
}

std::string BashCommand(const CommandReference& command) {
  std::map<std::string, std::string> names_by_offer;
  std::string argument;
  for (const OptionReference& option : command.options) {
    const std::string offer = BashOffer(option);
    if (option.is_argument) {
      argument = fmt::format("        *) [[ $current == -* ]] || {} ;;\n", offer);
    } else if (ValueOf(option) != Value::kNone) {
      std::string& names = names_by_offer[offer];
      names += fmt::format("{}{}", names.empty() ? "" : " | ", fmt::join(option.names, " | "));
    }
  }
  std::string text = fmt::format("    {})\n      offer=(-W '{}')\n      case $previous in\n",
                                 command.help.name, JoinOptionNames(command));
  for (const auto& [offer, names] : names_by_offer)
    text += fmt::format("        {}) {} ;;\n", names, offer);
  return text + argument + "      esac\n      ;;\n";
}

constexpr const char* kBashBegin = R"(
_fathom() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  # Readline cuts --option=value in three.
  if [[ $current == = ]]; then
    current=
  elif [[ $previous == = ]]; then
    previous=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  local command=
  ((COMP_CWORD > 1)) && command=${COMP_WORDS[1]}
  local -a offer=()
  case $command in
)";

constexpr const char* kBashEnd = R"(  esac
  COMPREPLY=()
  ((${#offer[@]} > 0)) || return 0
  [[ ${offer[0]} == -W ]] || compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen "${offer[@]}" -- "$current")
}
complete -F _fathom fathom
)";

// zsh: what `_arguments` is told.

std::string ZshText(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\' || c == '[' || c == ']' || c == ':') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string QuoteForZsh(std::string_view text) { return Quote(text, R"('\'')"); }

std::string ZshAction(const OptionReference& option) {
  switch (ValueOf(option)) {
    case Value::kFile:
      return "_files";
    case Value::kDirectory:
      return "_files -/";
    case Value::kChoice:
      return fmt::format("({})", fmt::join(ListChoices(option), " "));
    case Value::kText:
    case Value::kNone:
      return " ";
  }
  return {};
}

// "'(-m --model)'{-m+,--model=}'[The model...]:DIR:_files -/'". A + lets the value stand in the
// same word, a = lets it stand there behind this sign.
std::string ZshOption(const OptionReference& option) {
  const std::string value =
      fmt::format(":{}:{}", ZshText(option.is_argument ? option.names.front() : option.type),
                  ZshAction(option));
  if (option.is_argument) return QuoteForZsh("*" + value);
  const bool takes_value = ValueOf(option) != Value::kNone;
  std::vector<std::string> names;
  for (const std::string& name : option.names)
    names.push_back(!takes_value ? name : name.starts_with("--") ? name + "=" : name + "+");
  const std::string text =
      fmt::format("[{}]{}", ZshText(option.description), takes_value ? value : "");
  const std::string others =
      option.is_repeatable ? "*" : fmt::format("({})", fmt::join(option.names, " "));
  if (names.size() == 1) return QuoteForZsh(others + names.front() + text);
  return fmt::format("'{}'{{{}}}{}", others, fmt::join(names, ","), QuoteForZsh(text));
}

std::string ZshOptions(const CommandReference& command, const std::string& indent) {
  std::string text;
  for (const OptionReference& option : command.options)
    text += fmt::format(" \\\n{}{}", indent, ZshOption(option));
  return text;
}

constexpr const char* kZshEnd = R"(  esac
}

# Zsh loads the file as the function's body, others may source it.
if [[ ${funcstack[1]} == _fathom ]]; then
  _fathom "$@"
else
  compdef _fathom fathom
fi
)";

// fish: a line for each thing that can be completed.

std::string QuoteForFish(std::string_view text) {
  std::string escaped;
  for (const char c : text) escaped += c == '\\' ? std::string("\\\\") : std::string(1, c);
  return Quote(escaped, "\\'");
}

std::string FishValue(const OptionReference& option) {
  switch (ValueOf(option)) {
    case Value::kFile:
      return " -r -F";
    case Value::kDirectory:
      return " -x -a '(__fish_complete_directories)'";
    case Value::kChoice:
      return fmt::format(" -x -a '{}'", fmt::join(ListChoices(option), " "));
    case Value::kText:
      return " -x";
    case Value::kNone:
      return {};
  }
  return {};
}

std::string FishLine(const std::string& condition, const OptionReference& option) {
  std::string line = fmt::format("complete -c fathom -n '{}'", condition);
  for (const std::string& name : option.names)
    if (name.starts_with("--"))
      line += " -l " + name.substr(2);
    else if (name.starts_with('-'))
      line += " -s " + name.substr(1);
  std::string value = FishValue(option);
  // Without an option's name -r would ask for one.
  if (option.is_argument && ValueOf(option) == Value::kFile) value = " -F";
  return fmt::format("{}{} -d {}\n", line, value, QuoteForFish(option.description));
}

}  // namespace

std::string MakeBashCompletion(const ProgramReference& program) {
  std::string commands;
  for (const CommandReference& command : program.commands) commands += command.help.name + " ";
  std::string text = FormatHeader(program, "bash") + kBashBegin;
  text += fmt::format("    '') offer=(-W '{}{}') ;;\n", commands, JoinOptionNames(program.program));
  for (const CommandReference& command : program.commands) text += BashCommand(command);
  return text + kBashEnd;
}

std::string MakeZshCompletion(const ProgramReference& program) {
  std::string text = "#compdef fathom\n" + FormatHeader(program, "zsh");
  text +=
      "\n_fathom() {\n  local curcontext=$curcontext context state state_descr line\n"
      "  local -A opt_args\n  _arguments -S -C";
  text += ZshOptions(program.program, "    ");
  text += " \\\n    '(-)1:command:->command' \\\n    '(-)*:: :->arguments' && return\n";
  text += "  if [[ $state == command ]]; then\n    local -a commands=(\n";
  for (const CommandReference& command : program.commands)
    text += fmt::format("      {}\n", QuoteForZsh(command.help.name + ":" + command.help.summary));
  text += "    )\n    _describe command commands\n    return\n  fi\n";
  text += "  case $words[1] in\n";
  for (const CommandReference& command : program.commands)
    text += fmt::format("    {})\n      _arguments -S{}\n      ;;\n", command.help.name,
                        ZshOptions(command, "        "));
  return text + kZshEnd;
}

std::string MakeFishCompletion(const ProgramReference& program) {
  const std::string first = "__fish_use_subcommand";
  std::string text = FormatHeader(program, "fish") + "\ncomplete -c fathom -f\n";
  for (const OptionReference& option : program.program.options) text += FishLine(first, option);
  for (const CommandReference& command : program.commands) {
    const std::string& name = command.help.name;
    text += fmt::format("\ncomplete -c fathom -n '{}' -a {} -d {}\n", first, name,
                        QuoteForFish(command.help.summary));
    for (const OptionReference& option : command.options)
      text += FishLine("__fish_seen_subcommand_from " + name, option);
  }
  return text;
}

}  // namespace fathom::cli
