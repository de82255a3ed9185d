// JSON that keeps the order of keys and prints as Python does.
//
// DeepSeek-V4 read its tool schemas and arguments as Python's json.dumps(x, ensure_ascii=False)
// wrote them, so the same spelling must reach the prompt: ", " and ": " between the parts, 1e5 as
// 100000.0, 12345678901234567890123 as it is.
#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace fathom::text {

/// A JSON value. Numbers are held as text, in the spelling that Python prints.
class Json {
 public:
  struct Number {
    std::string text;
    bool operator==(const Number&) const = default;
  };
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  /// Members in their order, no key twice.
  using Object = std::vector<Member>;

  /// null
  Json() = default;
  // Exactly these: pointers and numbers convert to bool, and fractions to integers.
  explicit Json(std::same_as<bool> auto value) : value_(value) {}
  explicit Json(std::signed_integral auto value) : value_(Number{std::to_string(value)}) {}
  explicit Json(Number value) : value_(std::move(value)) {}
  explicit Json(std::string value) : value_(std::move(value)) {}
  explicit Json(Array value) : value_(std::move(value)) {}
  explicit Json(Object value) : value_(std::move(value)) {}

  bool IsNull() const { return std::holds_alternative<std::nullptr_t>(value_); }
  /// The value if it is of that kind, else nullptr.
  const bool* AsBoolean() const { return std::get_if<bool>(&value_); }
  const Number* AsNumber() const { return std::get_if<Number>(&value_); }
  const std::string* AsString() const { return std::get_if<std::string>(&value_); }
  const Array* AsArray() const { return std::get_if<Array>(&value_); }
  const Object* AsObject() const { return std::get_if<Object>(&value_); }

  /// The member `key` of an object; nullptr if there is none or this is no object.
  const Json* Find(std::string_view key) const;

  /// What the value is, for messages: "a number", "an object", ...
  std::string_view KindName() const;

 private:
  std::variant<std::nullptr_t, bool, Number, std::string, Array, Object> value_ = nullptr;
};

struct JsonReadOptions {
  /// Arrays and objects inside one another. Reading uses the stack, so this bounds it.
  int max_depth = 200;
  /// Take NaN, Infinity and -Infinity as Python does, although they are not JSON.
  bool allow_non_finite = true;
};

/// Reads one JSON value as Python's json.loads does, with these differences: nesting is limited,
/// and an escape that stands for half a surrogate pair is an error, because no UTF-8 can hold it.
/// A key that comes twice keeps its first place and its last value. Numbers too large for a double
/// are Infinity if they have a fraction or exponent, and exact if they are integers.
/// Errors read "SOURCE: byte OFFSET: what is wrong"; invalid UTF-8 is one of them.
base::Result<Json> ReadJson(std::string_view text, std::string_view source,
                            const JsonReadOptions& options = {});

/// Prints as json.dumps(value, ensure_ascii=False).
std::string PrintJson(const Json& value);

/// Appends `text` as the inside of a JSON string, without the quotes, escaped as Python does.
/// Bytes that are not UTF-8 become U+FFFD, so that the result is JSON whatever came in.
void AppendJsonEscaped(std::string_view text, std::string* out);

/// `text` as a JSON string with its quotes; see AppendJsonEscaped.
std::string QuoteJson(std::string_view text);

}  // namespace fathom::text
