// Options whose values are checked while the command line is parsed: a wrong one is an error of
// usage that names the option.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/prompt_encoder.h"

namespace fathom::cli {

struct IntegerRange {
  int64_t least = 0;
  int64_t most = std::numeric_limits<int64_t>::max();
};

struct NumberRange {
  double least = 0;
  double most = std::numeric_limits<double>::max();
};

/// Adds an option that takes a decimal integer within `range`; `name` is "-n,--tokens" or the like.
CLI::Option* AddInteger(CLI::App& app, const std::string& name, IntegerRange range,
                        const std::string& description, std::function<void(int64_t)> set);

/// Adds an option that takes decimal integers within `range`, with commas between them.
CLI::Option* AddIntegers(CLI::App& app, const std::string& name, IntegerRange range,
                         const std::string& description,
                         std::function<void(std::vector<int64_t>)> set);

/// Adds an option that takes a finite decimal number within `range`.
CLI::Option* AddNumber(CLI::App& app, const std::string& name, NumberRange range,
                       const std::string& description, std::function<void(double)> set);

/// Adds an option that takes an amount of memory, at least 1 byte: a decimal integer, alone or with
/// one of the suffixes K, M, G and T (or KiB, MiB, ...: powers of 1024) and KB, MB, GB and TB
/// (powers of 1000).
CLI::Option* AddBytes(CLI::App& app, const std::string& name, const std::string& description,
                      uint64_t* bytes);

/// The bytes of such an amount; nothing for other texts, and for amounts beyond 2^63-1.
std::optional<uint64_t> ParseBytes(std::string_view text);

/// Adds an option that takes text; `type` stands for it in the help: "FILE".
CLI::Option* AddText(CLI::App& app, const std::string& name, const std::string& type,
                     const std::string& description, std::string* value);

/// "none", "high" or "max"; nothing for other texts.
std::optional<text::ThinkingEffort> ParseEffort(std::string_view name);

/// Adds --think none|high|max.
void AddThinkOption(CLI::App& app, const std::string& description, text::ThinkingEffort* effort);

}  // namespace fathom::cli
