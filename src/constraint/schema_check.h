// Whether a value satisfies a JSON Schema.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "text/field.h"
#include "text/json.h"
#include "text/regex.h"

namespace fathom::constraint {

/// Holds values against a schema: the assertions of drafts 4 to 2020-12, each where it stands, and
/// `nullable` of OpenAPI. `format` and the content keywords are annotations and assert nothing;
/// `$anchor`, `$id`, `$dynamicRef`, references to elsewhere and `unevaluated...` are not known and
/// assert nothing either, nor does a pattern that PCRE2 cannot read. One thread at a time uses it.
class SchemaChecker {
 public:
  /// `document` is what "#" refers to. It outlives this.
  explicit SchemaChecker(text::Field document) : document_(std::move(document)) {}

  /// The path of a keyword that the value does not satisfy: `PATH.properties.a.multipleOf`. Nothing
  /// if it satisfies all, or if that takes more than about a second to find out.
  std::optional<std::string> FindViolation(const text::Json& value);

 private:
  using Violation = std::optional<std::string>;

  Violation Check(const text::Field& schema, const text::Json& value);
  Violation CheckKeywords(const text::Field& schema, const text::Json& value);
  Violation CheckGroups(const text::Field& schema, const text::Json& value);
  Violation CheckCondition(const text::Field& schema, const text::Json& value);
  Violation CheckNumber(const text::Field& schema, const text::Json::Number& number) const;
  Violation CheckString(const text::Field& schema, const std::string& string);
  Violation CheckArray(const text::Field& schema, const text::Json::Array& array);
  Violation CheckItems(const text::Field& schema, const text::Json::Array& array);
  Violation CheckContains(const text::Field& schema, const text::Json::Array& array);
  Violation CheckObject(const text::Field& schema, const text::Json& object);
  Violation CheckMembers(const text::Field& schema, const text::Json::Object& members);
  Violation CheckMember(const text::Field& schema, const text::Json::Member& member);
  Violation CheckDependencies(const text::Field& schema, const text::Json& object);
  bool Holds(const text::Field& schema, const text::Json& value);
  size_t CountHolding(const text::Field& schemas, const text::Json& value);
  bool HasDouble(const text::Json::Array& array);
  bool IsFound(const std::string& pattern, const std::string& string);
  /// Whether there is anything left to spend.
  bool Spend(int64_t steps);

  text::Field document_;
  std::map<std::string, std::optional<text::Regex>, std::less<>> patterns_;
  int64_t steps_left_ = 0;
  int depth_ = 0;
};

}  // namespace fathom::constraint
