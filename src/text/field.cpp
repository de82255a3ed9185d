#include "text/field.h"

#include <charconv>
#include <cmath>

#include "text/json_field.h"

namespace fathom::text {
namespace {

using base::Result;
using base::Status;

// The number of a JSON literal, which from_chars reads in full. Beyond a double it is infinite.
double ParseNumber(const std::string& literal) {
  double value = 0;
  const auto end = literal.data() + literal.size();
  const auto result = std::from_chars(literal.data(), end, value);
  return result.ec == std::errc() && result.ptr == end ? value : HUGE_VAL;
}

// A number for an error line, which may have as many digits as somebody likes to write.
std::string Shorten(const std::string& literal) {
  constexpr size_t kMaxBytes = 40;
  return literal.size() <= kMaxBytes ? literal : literal.substr(0, kMaxBytes) + "...";
}

}  // namespace

Field Field::Member(std::string_view key) const {
  return {json == nullptr ? nullptr : json->Find(key),
          path.empty() ? std::string(key) : fmt::format("{}.{}", path, key)};
}

Field Field::Item(size_t index) const {
  return {&(*json->AsArray())[index], fmt::format("{}[{}]", path, index)};
}

base::Error Field::Fail(std::string_view what) const {
  return base::MakeError("{}: {}", path, what);
}

base::Error Field::FailKind(std::string_view wanted) const {
  if (IsMissing()) return Fail("missing");
  return Fail(fmt::format("expected {}, found {}", wanted, json->KindName()));
}

base::Error FailUnknownName(const Field& field, const std::string& text, const std::string& known) {
  return field.Fail(fmt::format("unknown {}; known are {}", Quote(text), known));
}

Status RequireObject(const Field& field) {
  if (!field.IsObject()) return field.FailKind("an object");
  return {};
}

Result<std::string> ReadText(const Field& field) {
  if (!field.IsString()) return field.FailKind("a string");
  return *field.json->AsString();
}

Result<std::string> ReadOptionalText(const Field& field) {
  if (field.IsMissingOrNull()) return std::string();
  return ReadText(field);
}

Result<size_t> CountItems(const Field& field) {
  if (field.IsMissingOrNull()) return size_t{0};
  if (!field.IsArray()) return field.FailKind("a list");
  return field.json->AsArray()->size();
}

Result<std::optional<bool>> ReadOptionalBool(const Field& field) {
  if (field.IsMissingOrNull()) return std::optional<bool>();
  if (field.json->AsBoolean() == nullptr) return field.FailKind("a boolean");
  return std::optional<bool>(*field.json->AsBoolean());
}

Result<bool> ReadBool(const Field& field) {
  FATHOM_ASSIGN(const std::optional<bool> value, ReadOptionalBool(field));
  if (!value) return field.FailKind("a boolean");
  return *value;
}

Result<std::optional<double>> ReadOptionalNumber(const Field& field, const Range<double>& range) {
  if (field.IsMissingOrNull()) return std::optional<double>();
  if (field.json->AsNumber() == nullptr) return field.FailKind("a number");
  const double value = ParseNumber(field.json->AsNumber()->text);
  if (!(value >= range.least && value <= range.most)) {
    return field.Fail(fmt::format("{} is not between {} and {}",
                                  Shorten(field.json->AsNumber()->text), range.least, range.most));
  }
  return std::optional<double>(value);
}

Result<std::optional<int64_t>> ReadOptionalInteger(const Field& field,
                                                   const Range<int64_t>& range) {
  if (field.IsMissingOrNull()) return std::optional<int64_t>();
  if (field.json->AsNumber() == nullptr) return field.FailKind("an integer");
  const std::string& literal = field.json->AsNumber()->text;
  int64_t value = 0;
  const auto end = literal.data() + literal.size();
  const auto result = std::from_chars(literal.data(), end, value);
  if (result.ec == std::errc() && result.ptr != end) {
    if (const double number = ParseNumber(literal); number != static_cast<double>(value)) {
      return field.Fail(fmt::format("{} is not an integer", Shorten(literal)));
    }
  }
  if (result.ec != std::errc() || value < range.least || value > range.most) {
    return field.Fail(
        fmt::format("{} is not between {} and {}", Shorten(literal), range.least, range.most));
  }
  return std::optional<int64_t>(value);
}

Result<int64_t> ReadInteger(const Field& field, const Range<int64_t>& range) {
  FATHOM_ASSIGN(const std::optional<int64_t> value, ReadOptionalInteger(field, range));
  if (!value) return field.FailKind("an integer");
  return *value;
}

}  // namespace fathom::text
