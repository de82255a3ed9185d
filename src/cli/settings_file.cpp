#include "cli/settings_file.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <optional>
#include <vector>

#include "base/file.h"

namespace fathom::cli {
namespace {

// "--max-batch" is "max-batch" in a file.
std::string KeyOf(const CLI::Option& option) {
  return option.get_lnames().empty() ? std::string() : option.get_lnames().front();
}

// As it would be written on the command line; nothing for what is no single value.
std::optional<std::string> PrintValue(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* integer = node.as_integer()) return fmt::format("{}", integer->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  if (const auto* boolean = node.as_boolean()) return boolean->get() ? "true" : "false";
  return std::nullopt;
}

std::optional<std::vector<std::string>> PrintValues(const toml::node& node) {
  std::vector<std::string> values;
  const toml::array* const list = node.as_array();
  if (list == nullptr) {
    std::optional<std::string> value = PrintValue(node);
    if (!value) return std::nullopt;
    return std::vector{std::move(*value)};
  }
  for (const toml::node& item : *list) {
    std::optional<std::string> value = PrintValue(item);
    if (!value) return std::nullopt;
    values.push_back(std::move(*value));
  }
  return values;
}

base::Status Apply(const std::string& key, const toml::node& node, CLI::App& app) {
  const auto options = app.get_options();
  const auto found = std::find_if(options.begin(), options.end(), [&](const CLI::Option* option) {
    return KeyOf(*option) == key && option->get_configurable();
  });
  if (found == options.end()) return base::MakeError("{}: there is no such option", key);
  const std::optional<std::vector<std::string>> values = PrintValues(node);
  if (!values) return base::MakeError("{}: neither a value nor a list of values", key);
  if ((*found)->count() > 0) return {};
  try {
    (*found)->add_result(*values);
    (*found)->run_callback();
  } catch (const CLI::ParseError& error) {
    return base::MakeError("{}: {}", key, error.what());
  }
  return {};
}

}  // namespace

void AddEnvironment(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    std::string name = KeyOf(*option);
    if (name.empty() || option == app.get_help_ptr()) continue;
    for (char& c : name) c = c == '-' ? '_' : static_cast<char>(std::toupper(c));
    option->envname("FATHOM_" + name);
  }
}

base::Status ApplySettingsFile(const std::string& path, CLI::App& app) {
  FATHOM_ASSIGN(const std::string text, base::ReadFile(path));
  try {
    for (const auto& [key, node] : toml::parse(text)) {
      const base::Status applied = Apply(std::string(key.str()), node, app);
      if (!applied.ok()) return base::MakeError("{}: {}", path, applied.error().message);
    }
  } catch (const toml::parse_error& error) {
    return base::MakeError("{}: line {}: {}", path, error.source().begin.line, error.description());
  }
  return {};
}

}  // namespace fathom::cli
