// Options whose values are checked while the command line is parsed: a wrong one is an error of
// usage that names the option.
//
// No header includes CLI11 and no command does: a file takes 8 s longer to compile with it.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/prompt_encoder.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace fathom::cli {

/// An option that has been added to a command.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}

  /// Lists it in the help under this heading.
  Option& Group(const std::string& heading);
  /// The command is wrong without it.
  Option& Require();
  /// The command is wrong with both.
  Option& Exclude(Option other);
  /// The command is wrong with this one alone.
  Option& Need(Option other);
  /// A settings file may not give it.
  Option& KeepFromFiles();

 private:
  CLI::Option* option_;
};

/// The option of that name, which must have been added.
Option FindOption(CLI::App& app, const std::string& name);

/// Adds an option without a value.
Option AddFlag(CLI::App& app, const std::string& name, const std::string& description,
               std::function<void()> set);
Option AddFlag(CLI::App& app, const std::string& name, const std::string& description, bool* value);

/// Tells what is wrong with a value; the empty string if nothing is.
using TextCheck = std::function<std::string(const std::string&)>;

/// Adds an option that takes text; `name` is "-n,--tokens" or the like, or "DIR" for an argument
/// without a name. `type` stands for the text in the help: "FILE".
Option AddText(CLI::App& app, const std::string& name, const std::string& type,
               const std::string& description, std::function<void(const std::string&)> set,
               const TextCheck& check = {});
Option AddText(CLI::App& app, const std::string& name, const std::string& type,
               const std::string& description, std::string* value);

/// Adds an option that takes text and may be given again.
Option AddTexts(CLI::App& app, const std::string& name, const std::string& type,
                const std::string& description, std::vector<std::string>* values,
                const TextCheck& check = {});

/// Adds an option that takes one of some words, which stand for the value in the help:
/// "none|high|max". Those of an argument without a name are told by its description.
Option AddChoice(CLI::App& app, const std::string& name, const std::vector<std::string>& words,
                 const std::string& description, std::function<void(const std::string&)> set);

struct IntegerRange {
  int64_t least = 0;
  int64_t most = std::numeric_limits<int64_t>::max();
};

struct NumberRange {
  double least = 0;
  double most = std::numeric_limits<double>::max();
};

/// Adds an option that takes a decimal integer within `range`.
Option AddInteger(CLI::App& app, const std::string& name, IntegerRange range,
                  const std::string& description, std::function<void(int64_t)> set);

/// Adds an option that takes decimal integers within `range`, with commas between them.
Option AddIntegers(CLI::App& app, const std::string& name, IntegerRange range,
                   const std::string& description, std::function<void(std::vector<int64_t>)> set);

/// Adds an option that takes a finite decimal number within `range`.
Option AddNumber(CLI::App& app, const std::string& name, NumberRange range,
                 const std::string& description, std::function<void(double)> set);

/// Adds an option that takes an amount of memory, at least 1 byte: a decimal integer, alone or with
/// one of the suffixes K, M, G and T (or KiB, MiB, ...: powers of 1024) and KB, MB, GB and TB
/// (powers of 1000).
Option AddBytes(CLI::App& app, const std::string& name, const std::string& description,
                uint64_t* bytes);

/// The bytes of such an amount; nothing for other texts, and for amounts beyond 2^63-1.
std::optional<uint64_t> ParseBytes(std::string_view text);

/// "none", "high" or "max"; nothing for other texts.
std::optional<text::ThinkingEffort> ParseEffort(std::string_view name);

/// Adds --think none|high|max.
void AddThinkOption(CLI::App& app, const std::string& description, text::ThinkingEffort* effort);

}  // namespace fathom::cli
