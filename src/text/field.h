// A value inside a JSON document that somebody sent, and the path to it for errors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "text/json.h"

namespace fathom::text {

/// A value and its path: `messages[3].content`. Errors read "PATH: what is wrong". The document
/// must outlive it.
struct Field {
  const Json* json = nullptr;  ///< nullptr if the field is missing
  std::string path;

  bool IsMissing() const { return json == nullptr; }
  bool IsMissingOrNull() const { return json == nullptr || json->IsNull(); }
  bool IsObject() const { return json != nullptr && json->AsObject() != nullptr; }
  bool IsArray() const { return json != nullptr && json->AsArray() != nullptr; }
  bool IsString() const { return json != nullptr && json->AsString() != nullptr; }

  /// The member `key`; missing if there is none or this is no object.
  Field Member(std::string_view key) const;
  /// REQUIRES: IsArray() and index < its size.
  Field Item(size_t index) const;

  base::Error Fail(std::string_view what) const;
  /// That it is not `wanted` ("a string"), or that it is missing.
  base::Error FailKind(std::string_view wanted) const;
};

/// Fails if the field is not an object.
base::Status RequireObject(const Field& field);

/// The string there.
base::Result<std::string> ReadText(const Field& field);
/// The string there; empty if it is missing or null.
base::Result<std::string> ReadOptionalText(const Field& field);

/// The length of a list; 0 if it is missing or null.
base::Result<size_t> CountItems(const Field& field);

/// The boolean there; nothing if it is missing or null.
base::Result<std::optional<bool>> ReadOptionalBool(const Field& field);
/// The boolean there; an error if it is anything else, or missing.
base::Result<bool> ReadBool(const Field& field);

/// An inclusive range that a number must be in.
template <typename Value>
struct Range {
  Value least = std::numeric_limits<Value>::lowest();
  Value most = std::numeric_limits<Value>::max();
};

/// The number there; nothing if it is missing or null. 12.0 counts as an integer.
base::Result<std::optional<int64_t>> ReadOptionalInteger(const Field& field,
                                                         const Range<int64_t>& range = {});
/// The integer there; an error if it is anything else, or missing.
base::Result<int64_t> ReadInteger(const Field& field, const Range<int64_t>& range = {});
base::Result<std::optional<double>> ReadOptionalNumber(const Field& field,
                                                       const Range<double>& range = {});

template <typename Value>
struct Named {
  std::string_view name;
  Value value;
};

/// That `text` at the field is not one of the `known` names.
base::Error FailUnknownName(const Field& field, const std::string& text, const std::string& known);

/// The value whose name stands there; the error lists the known names.
template <typename Value>
base::Result<Value> ReadName(const Field& field, std::span<const Named<Value>> names) {
  FATHOM_ASSIGN(const std::string text, ReadText(field));
  for (const Named<Value>& named : names) {
    if (named.name == text) return named.value;
  }
  std::string known;
  for (const Named<Value>& named : names) {
    known += known.empty() ? "" : ", ";
    known += named.name;
  }
  return FailUnknownName(field, text, known);
}

}  // namespace fathom::text
