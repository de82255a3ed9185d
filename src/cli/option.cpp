#include "cli/option.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace fathom::cli {
namespace {

template <typename Value>
std::optional<Value> ParseWhole(const std::string& text) {
  Value value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::string DescribeRange(IntegerRange range) {
  if (range.most == IntegerRange().most) return fmt::format("an integer from {}", range.least);
  return fmt::format("an integer from {} to {}", range.least, range.most);
}

std::string DescribeRange(NumberRange range) {
  if (range.most == NumberRange().most) return fmt::format("a number from {}", range.least);
  return fmt::format("a number from {} to {}", range.least, range.most);
}

// `values` says what `check` lets through. CLI11 shows the name of a check nowhere; DescribeOptions
// (reference.h) finds the text there.
Option AddChecked(CLI::App& app, const std::string& name, const std::string& type,
                  const std::string& description, std::function<void(const std::string&)> set,
                  const TextCheck& check, const std::string& values) {
  CLI::Option* option = app.add_option_function<std::string>(name, std::move(set), description);
  return Option(option->type_name(type)->check(check, "", values));
}

// "none, high or max"
std::string JoinChoices(const std::vector<std::string>& words) {
  const std::string last = " or " + words.back();
  return fmt::format("{}{}", fmt::join(words.begin(), words.end() - 1, ", "), last);
}

template <typename Value, typename Range>
Option AddRanged(CLI::App& app, const std::string& name, Range range,
                 const std::string& description, std::function<void(Value)> set) {
  const std::string values = DescribeRange(range);
  const auto check = [range, values](const std::string& text) {
    const std::optional<Value> value = ParseWhole<Value>(text);
    // Written so that NaN fails too.
    if (value && *value >= range.least && *value <= range.most) return std::string();
    return fmt::format("\"{}\" is not {}", text, values);
  };
  return AddChecked(
      app, name, "N", description,
      [set = std::move(set)](const std::string& text) { set(*ParseWhole<Value>(text)); }, check,
      values);
}

std::optional<std::vector<int64_t>> ParseIntegers(const std::string& text, IntegerRange range) {
  std::vector<int64_t> values;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const auto value = ParseWhole<int64_t>(text.substr(begin, end - begin));
    if (!value || *value < range.least || *value > range.most) return std::nullopt;
    values.push_back(*value);
    begin = end + 1;
  }
  return values;
}

}  // namespace

Option& Option::Group(const std::string& heading) {
  option_->group(heading);
  return *this;
}

Option& Option::Require() {
  option_->required();
  return *this;
}

Option& Option::Exclude(Option other) {
  option_->excludes(other.option_);
  return *this;
}

Option& Option::Need(Option other) {
  option_->needs(other.option_);
  return *this;
}

Option& Option::KeepFromFiles() {
  option_->configurable(false);
  return *this;
}

Option FindOption(CLI::App& app, const std::string& name) { return Option(app.get_option(name)); }

Option AddFlag(CLI::App& app, const std::string& name, const std::string& description,
               std::function<void()> set) {
  return Option(app.add_flag_callback(name, std::move(set), description));
}

Option AddFlag(CLI::App& app, const std::string& name, const std::string& description,
               bool* value) {
  return Option(app.add_flag(name, *value, description));
}

Option AddText(CLI::App& app, const std::string& name, const std::string& type,
               const std::string& description, std::function<void(const std::string&)> set,
               const TextCheck& check) {
  CLI::Option* option = app.add_option_function<std::string>(name, std::move(set), description);
  option->type_name(type);
  if (check) option->check(check);
  return Option(option);
}

Option AddText(CLI::App& app, const std::string& name, const std::string& type,
               const std::string& description, std::string* value) {
  return Option(app.add_option(name, *value, description)->type_name(type));
}

Option AddTexts(CLI::App& app, const std::string& name, const std::string& type,
                const std::string& description, std::vector<std::string>* values,
                const TextCheck& check) {
  CLI::Option* option = app.add_option(name, *values, description);
  option->type_name(type)->allow_extra_args(false);
  if (check) option->check(check);
  return Option(option);
}

Option AddChoice(CLI::App& app, const std::string& name, const std::vector<std::string>& words,
                 const std::string& description, std::function<void(const std::string&)> set) {
  const std::string values = JoinChoices(words);
  const auto check = [words, values](const std::string& text) {
    if (std::ranges::find(words, text) != words.end()) return std::string();
    return fmt::format("\"{}\" is not {}", text, values);
  };
  return AddChecked(app, name, fmt::format("{}", fmt::join(words, "|")), description,
                    std::move(set), check, values);
}

Option AddInteger(CLI::App& app, const std::string& name, IntegerRange range,
                  const std::string& description, std::function<void(int64_t)> set) {
  return AddRanged<int64_t>(app, name, range, description, std::move(set));
}

Option AddNumber(CLI::App& app, const std::string& name, NumberRange range,
                 const std::string& description, std::function<void(double)> set) {
  return AddRanged<double>(app, name, range, description, std::move(set));
}

std::optional<uint64_t> ParseBytes(std::string_view text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  std::optional<int64_t> amount = ParseWhole<int64_t>(std::string(text.substr(0, digits)));
  std::string_view suffix = text.substr(digits);
  if (!amount || *amount == 0) return std::nullopt;
  if (suffix.empty()) return *amount;
  const size_t power = std::string_view("KMGT").find(suffix.front());
  suffix.remove_prefix(1);
  if (power == std::string_view::npos || !(suffix.empty() || suffix == "iB" || suffix == "B"))
    return std::nullopt;
  for (size_t i = 0; i <= power; ++i)
    if (__builtin_mul_overflow(*amount, suffix == "B" ? 1000 : 1024, &*amount)) return std::nullopt;
  return *amount;
}

Option AddBytes(CLI::App& app, const std::string& name, const std::string& description,
                uint64_t* bytes) {
  static constexpr const char* kValues = "a number of bytes from 1, such as 800M, 4G or 100GB";
  const auto check = [](const std::string& text) {
    return ParseBytes(text) ? "" : fmt::format("\"{}\" is not {}", text, kValues);
  };
  return AddChecked(
      app, name, "BYTES", description,
      [bytes](const std::string& text) { *bytes = *ParseBytes(text); }, check, kValues);
}

Option AddIntegers(CLI::App& app, const std::string& name, IntegerRange range,
                   const std::string& description, std::function<void(std::vector<int64_t>)> set) {
  const std::string values =
      fmt::format("a list of integers from {} to {}", range.least, range.most);
  const auto check = [range, values](const std::string& text) {
    return ParseIntegers(text, range) ? "" : fmt::format("\"{}\" is not {}", text, values);
  };
  return AddChecked(
      app, name, "N,...", description,
      [range, set = std::move(set)](const std::string& text) { set(*ParseIntegers(text, range)); },
      check, values);
}

std::optional<text::ThinkingEffort> ParseEffort(std::string_view name) {
  using text::ThinkingEffort;
  if (name == "none") return ThinkingEffort::kNone;
  if (name == "high") return ThinkingEffort::kHigh;
  if (name == "max") return ThinkingEffort::kMax;
  return std::nullopt;
}

void AddThinkOption(CLI::App& app, const std::string& description, text::ThinkingEffort* effort) {
  AddChoice(app, "--think", {"none", "high", "max"}, description,
            [effort](const std::string& text) { *effort = *ParseEffort(text); });
}

}  // namespace fathom::cli
