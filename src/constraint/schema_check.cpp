#include "constraint/schema_check.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iterator>

#include "constraint/numbers.h"
#include "constraint/schema_reference.h"
#include "text/json_meaning.h"
#include "text/utf8.h"

namespace fathom::constraint {
namespace {

using text::Field;
using text::Json;

// A step is a look at a value with a schema: some microseconds.
constexpr int64_t kSteps = 200'000;
constexpr int64_t kStepsOfSearch = 100;
constexpr uint64_t kSearchAllowance = 100'000;
constexpr int kMaxDepth = 1000;  // of schemas in one another, by references too

bool IsOn(const Field& flag) {
  const bool* value = flag.IsMissing() ? nullptr : flag.json->AsBoolean();
  return value != nullptr && *value;
}

const Json::Number* NumberOf(const Field& field) {
  return field.IsMissing() ? nullptr : field.json->AsNumber();
}

long double ToReal(const Json::Number& number) {
  return std::strtold(number.text.c_str(), nullptr);
}

// In units of 10^-17, which all that ReadDecimal reads is a multiple of.
std::optional<__int128> ToUnits(const Json::Number& number) {
  const std::optional<Decimal> decimal = ReadDecimal(number.text);
  if (!decimal) return std::nullopt;
  constexpr size_t kPlaces = 17;
  __int128 units = 0;
  std::string digits = decimal->whole + decimal->fraction;
  digits.append(kPlaces - decimal->fraction.size(), '0');
  for (const char digit : digits) units = units * 10 + (digit - '0');
  return decimal->is_negative ? -units : units;
}

// Below 0, 0 or above 0.
int Compare(const Json::Number& a, const Json::Number& b) {
  const auto compare = [](const auto& left, const auto& right) {
    return left < right ? -1 : left > right ? 1 : 0;
  };
  const auto left = ToUnits(a);
  const auto right = ToUnits(b);
  if (left && right) return compare(*left, *right);
  return compare(ToReal(a), ToReal(b));
}

bool IsMultiple(const Json::Number& number, const Json::Number& of) {
  const auto units = ToUnits(number);
  const auto unit = ToUnits(of);
  if (units && unit && *unit != 0) return *units % *unit == 0;
  const long double quotient = ToReal(number) / ToReal(of);
  return !std::isfinite(quotient) || quotient == std::floor(quotient);
}

bool IsInteger(const Json::Number& number) {
  const long double value = ToReal(number);
  return std::isfinite(value) && value == std::floor(value);
}

bool HasType(std::string_view type, const Json& value) {
  if (type == "integer") return value.AsNumber() != nullptr && IsInteger(*value.AsNumber());
  if (type == "number") return value.AsNumber() != nullptr;
  if (type == "string") return value.AsString() != nullptr;
  if (type == "boolean") return value.AsBoolean() != nullptr;
  if (type == "array") return value.AsArray() != nullptr;
  if (type == "object") return value.AsObject() != nullptr;
  return type == "null" && value.IsNull();
}

bool HoldsType(const Field& schema, const Json& value) {
  const Field type = schema.Member("type");
  if (type.IsMissingOrNull()) return true;
  if (value.IsNull() && IsOn(schema.Member("nullable"))) return true;
  const auto has = [&](const Json& one) {
    return one.AsString() != nullptr && HasType(*one.AsString(), value);
  };
  if (!type.IsArray()) return has(*type.json);
  return std::any_of(type.json->AsArray()->begin(), type.json->AsArray()->end(), has);
}

bool HoldsCount(const Field& least, const Field& most, size_t count) {
  const Json::Number number = {std::to_string(count)};
  const Json::Number* const low = NumberOf(least);
  const Json::Number* const high = NumberOf(most);
  return (low == nullptr || Compare(number, *low) >= 0) &&
         (high == nullptr || Compare(number, *high) <= 0);
}

}  // namespace

std::optional<std::string> SchemaChecker::FindViolation(const Json& value) {
  steps_left_ = kSteps;
  Violation violation = Check(document_, value);
  return steps_left_ > 0 ? violation : std::nullopt;
}

bool SchemaChecker::Spend(int64_t steps) {
  steps_left_ -= steps;
  return steps_left_ > 0;
}

bool SchemaChecker::Holds(const Field& schema, const Json& value) {
  return !Check(schema, value).has_value();
}

SchemaChecker::Violation SchemaChecker::Check(const Field& schema, const Json& value) {
  if (schema.IsMissing() || !Spend(1)) return std::nullopt;
  if (const bool* flag = schema.json->AsBoolean())
    return *flag ? std::nullopt : Violation(schema.path);
  if (!schema.IsObject()) return std::nullopt;
  if (depth_ == kMaxDepth) {
    steps_left_ = 0;
    return std::nullopt;
  }
  ++depth_;
  Violation violation = CheckKeywords(schema, value);
  --depth_;
  return violation;
}

SchemaChecker::Violation SchemaChecker::CheckKeywords(const Field& schema, const Json& value) {
  if (!HoldsType(schema, value)) return schema.Member("type").path;
  if (const Field constant = schema.Member("const"); !constant.IsMissing()) {
    if (!text::MeansTheSame(*constant.json, value)) return constant.path;
  }
  if (const Field values = schema.Member("enum"); values.IsArray()) {
    const auto is_it = [&](const Json& one) { return text::MeansTheSame(one, value); };
    const Json::Array& list = *values.json->AsArray();
    Spend(std::ssize(list) / 8);
    if (std::none_of(list.begin(), list.end(), is_it)) return values.path;
  }
  Violation violation = CheckGroups(schema, value);
  if (violation) return violation;
  if (const Json::Number* number = value.AsNumber()) return CheckNumber(schema, *number);
  if (const std::string* string = value.AsString()) return CheckString(schema, *string);
  if (const Json::Array* array = value.AsArray()) return CheckArray(schema, *array);
  return value.AsObject() != nullptr ? CheckObject(schema, value) : std::nullopt;
}

SchemaChecker::Violation SchemaChecker::CheckGroups(const Field& schema, const Json& value) {
  if (const Field reference = schema.Member("$ref"); reference.IsString()) {
    const Field target = FindReference(document_, *reference.json->AsString());
    if (Violation violation = Check(target, value)) return violation;
  }
  if (const Field all = schema.Member("allOf"); all.IsArray()) {
    for (size_t i = 0; i < all.json->AsArray()->size(); ++i)
      if (Violation violation = Check(all.Item(i), value)) return violation;
  }
  const Field any = schema.Member("anyOf");
  if (any.IsArray() && CountHolding(any, value) == 0) return any.path;
  const Field one = schema.Member("oneOf");
  if (one.IsArray() && CountHolding(one, value) != 1) return one.path;
  const Field no = schema.Member("not");
  if (!no.IsMissing() && Holds(no, value)) return no.path;
  return CheckCondition(schema, value);
}

size_t SchemaChecker::CountHolding(const Field& schemas, const Json& value) {
  size_t count = 0;
  for (size_t i = 0; i < schemas.json->AsArray()->size(); ++i)
    count += Holds(schemas.Item(i), value) ? 1 : 0;
  return count;
}

SchemaChecker::Violation SchemaChecker::CheckCondition(const Field& schema, const Json& value) {
  const Field condition = schema.Member("if");
  if (condition.IsMissing()) return std::nullopt;
  return Check(schema.Member(Holds(condition, value) ? "then" : "else"), value);
}

// Draft 4 has flags beside the bounds that say whether these are exclusive.
SchemaChecker::Violation SchemaChecker::CheckNumber(const Field& schema,
                                                    const Json::Number& number) const {
  const auto check = [&](const char* inclusive, const char* exclusive, int sign) -> Violation {
    const Field bound = schema.Member(inclusive);
    const Field strict = schema.Member(exclusive);
    if (const Json::Number* limit = NumberOf(bound)) {
      const int order = Compare(number, *limit) * sign;
      if (order < 0 || (order == 0 && IsOn(strict))) return bound.path;
    }
    const Json::Number* const limit = NumberOf(strict);
    return limit != nullptr && Compare(number, *limit) * sign <= 0 ? Violation(strict.path)
                                                                   : std::nullopt;
  };
  if (Violation violation = check("minimum", "exclusiveMinimum", 1)) return violation;
  if (Violation violation = check("maximum", "exclusiveMaximum", -1)) return violation;
  const Field multiple = schema.Member("multipleOf");
  const Json::Number* const unit = NumberOf(multiple);
  return unit != nullptr && !IsMultiple(number, *unit) ? Violation(multiple.path) : std::nullopt;
}

SchemaChecker::Violation SchemaChecker::CheckString(const Field& schema,
                                                    const std::string& string) {
  // Only the first byte of a character is no continuation.
  const auto length = static_cast<size_t>(std::count_if(
      string.begin(), string.end(), [](char c) { return (static_cast<uint8_t>(c) >> 6) != 2; }));
  Spend(static_cast<int64_t>(string.size() / 4096));
  if (!HoldsCount(schema.Member("minLength"), {}, length)) return schema.Member("minLength").path;
  if (!HoldsCount({}, schema.Member("maxLength"), length)) return schema.Member("maxLength").path;
  const Field pattern = schema.Member("pattern");
  if (pattern.IsString() && !IsFound(*pattern.json->AsString(), string)) return pattern.path;
  return std::nullopt;
}

// What cannot be searched for counts as found.
bool SchemaChecker::IsFound(const std::string& pattern, const std::string& string) {
  if (!Spend(kStepsOfSearch + static_cast<int64_t>(string.size() / 4096))) return true;
  const auto [known, is_new] = patterns_.try_emplace(pattern);
  if (is_new) {
    auto compiled = text::Regex::CompileEcma(pattern);
    if (compiled.ok()) known->second = std::move(*compiled);
  }
  if (!known->second) return true;
  text::RegexScratch scratch(string.size(), kSearchAllowance);
  const auto found = known->second->Search(string, 0, scratch);
  return !found.ok() || found->has_value();
}

SchemaChecker::Violation SchemaChecker::CheckArray(const Field& schema, const Json::Array& array) {
  if (!HoldsCount(schema.Member("minItems"), {}, array.size()))
    return schema.Member("minItems").path;
  if (!HoldsCount({}, schema.Member("maxItems"), array.size()))
    return schema.Member("maxItems").path;
  const Field unique = schema.Member("uniqueItems");
  if (IsOn(unique) && HasDouble(array)) return unique.path;
  if (Violation violation = CheckItems(schema, array)) return violation;
  return CheckContains(schema, array);
}

// `prefixItems`, or a list as `items` before 2020-12, says something of the first ones.
SchemaChecker::Violation SchemaChecker::CheckItems(const Field& schema, const Json::Array& array) {
  const Field items = schema.Member("items");
  const Field first = items.IsArray() ? items : schema.Member("prefixItems");
  const Field rest = items.IsArray() ? schema.Member("additionalItems") : items;
  const size_t places = first.IsArray() ? first.json->AsArray()->size() : 0;
  for (size_t i = 0; i < array.size(); ++i) {
    const Field item = i < places ? first.Item(i) : rest;
    if (Violation violation = Check(item, array[i])) return violation;
  }
  return std::nullopt;
}

SchemaChecker::Violation SchemaChecker::CheckContains(const Field& schema,
                                                      const Json::Array& array) {
  const Field contains = schema.Member("contains");
  if (contains.IsMissing()) return std::nullopt;
  const auto count = static_cast<size_t>(std::count_if(
      array.begin(), array.end(), [&](const Json& item) { return Holds(contains, item); }));
  const Field least = schema.Member("minContains");
  if (least.IsMissing() && count == 0) return contains.path;
  if (!HoldsCount(least, {}, count)) return least.path;
  const Field most = schema.Member("maxContains");
  return HoldsCount({}, most, count) ? std::nullopt : Violation(most.path);
}

bool SchemaChecker::HasDouble(const Json::Array& array) {
  for (size_t i = 0; i < array.size(); ++i) {
    if (!Spend(static_cast<int64_t>(i / 8))) return false;
    for (size_t j = 0; j < i; ++j)
      if (text::MeansTheSame(array[i], array[j])) return true;
  }
  return false;
}

SchemaChecker::Violation SchemaChecker::CheckObject(const Field& schema, const Json& object) {
  const Json::Object& members = *object.AsObject();
  if (!HoldsCount(schema.Member("minProperties"), {}, members.size()))
    return schema.Member("minProperties").path;
  if (!HoldsCount({}, schema.Member("maxProperties"), members.size()))
    return schema.Member("maxProperties").path;
  if (const Field required = schema.Member("required"); required.IsArray()) {
    for (const Json& name : *required.json->AsArray())
      if (name.AsString() != nullptr && object.Find(*name.AsString()) == nullptr)
        return required.path;
  }
  if (Violation violation = CheckMembers(schema, members)) return violation;
  return CheckDependencies(schema, object);
}

SchemaChecker::Violation SchemaChecker::CheckMembers(const Field& schema,
                                                     const Json::Object& members) {
  const Field names = schema.Member("propertyNames");
  for (const Json::Member& member : members) {
    if (!names.IsMissing() && !Holds(names, Json(member.first))) return names.path;
    if (Violation violation = CheckMember(schema, member)) return violation;
  }
  return std::nullopt;
}

SchemaChecker::Violation SchemaChecker::CheckMember(const Field& schema,
                                                    const Json::Member& member) {
  const auto& [name, value] = member;
  const Field listed = schema.Member("properties").Member(name);
  if (Violation violation = Check(listed, value)) return violation;
  bool is_listed = !listed.IsMissing();
  const Field patterns = schema.Member("patternProperties");
  if (patterns.IsObject()) {
    for (const Json::Member& pattern : *patterns.json->AsObject()) {
      if (!IsFound(pattern.first, name)) continue;
      is_listed = true;
      if (Violation violation = Check(patterns.Member(pattern.first), value)) return violation;
    }
  }
  return is_listed ? std::nullopt : Check(schema.Member("additionalProperties"), value);
}

// `dependencies` is what `dependentRequired` and `dependentSchemas` were before 2019-09.
SchemaChecker::Violation SchemaChecker::CheckDependencies(const Field& schema, const Json& object) {
  for (const char* keyword : {"dependentRequired", "dependentSchemas", "dependencies"}) {
    const Field list = schema.Member(keyword);
    if (!list.IsObject()) continue;
    for (const Json::Member& member : *list.json->AsObject()) {
      if (object.Find(member.first) == nullptr) continue;
      const Field dependency = list.Member(member.first);
      if (!dependency.IsArray()) {
        if (Violation violation = Check(dependency, object)) return violation;
        continue;
      }
      for (const Json& name : *dependency.json->AsArray())
        if (name.AsString() != nullptr && object.Find(*name.AsString()) == nullptr)
          return list.path;
    }
  }
  return std::nullopt;
}

}  // namespace fathom::constraint
