#include "constraint/schema_merge.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

namespace fathom::constraint {
namespace {

using text::Json;

bool IsOneOf(std::string_view key, std::initializer_list<std::string_view> keys) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

Json::Array ToList(const Json& value) {
  if (const Json::Array* list = value.AsArray()) return *list;
  return {value};
}

bool Contains(const Json::Array& list, const Json& value) {
  return std::any_of(list.begin(), list.end(),
                     [&](const Json& item) { return PrintJson(item) == PrintJson(value); });
}

Json JoinLists(const Json& a, const Json& b) {
  Json::Array all = ToList(a);
  for (const Json& item : ToList(b)) {
    if (!Contains(all, item)) all.push_back(item);
  }
  return Json(std::move(all));
}

// An integer is a number, too.
Json IntersectLists(const Json& a, const Json& b, bool are_types) {
  const Json number(std::string("number"));
  const Json::Array left = ToList(a);
  const Json::Array right = ToList(b);
  const auto holds = [&](const Json::Array& list, const Json& item) {
    const bool is_integer = item.AsString() != nullptr && *item.AsString() == "integer";
    return Contains(list, item) || (are_types && is_integer && Contains(list, number));
  };
  Json::Array both;
  for (const Json& item : left) {
    if (holds(right, item)) both.push_back(item);
  }
  for (const Json& item : right) {
    if (holds(left, item) && !Contains(both, item)) both.push_back(item);
  }
  return Json(std::move(both));
}

double ToDouble(const Json& value) {
  const Json::Number* number = value.AsNumber();
  return number == nullptr ? 0 : std::strtod(number->text.c_str(), nullptr);
}

Json MergeProperties(const Json& a, const Json& b);

Json MergeValues(std::string_view key, const Json& a, const Json& b) {
  if (key == "properties") return MergeProperties(a, b);
  if (key == "required") return JoinLists(a, b);
  if (key == "enum") return IntersectLists(a, b, false);
  if (key == "type") return IntersectLists(a, b, true);
  const bool left_is_less = ToDouble(a) < ToDouble(b);
  if (IsOneOf(key, {"minimum", "exclusiveMinimum", "minLength", "minItems"})) {
    return left_is_less ? b : a;
  }
  if (IsOneOf(key, {"maximum", "exclusiveMaximum", "maxLength", "maxItems"})) {
    return left_is_less ? a : b;
  }
  if (IsOneOf(key, {"items", "additionalProperties"})) {
    if (a.AsObject() != nullptr && b.AsObject() != nullptr) return MergeSchemas(a, b);
    const bool* flag = a.AsBoolean();
    return flag != nullptr && *flag ? b : a;
  }
  return a;
}

Json MergeProperties(const Json& a, const Json& b) {
  if (a.AsObject() == nullptr || b.AsObject() == nullptr) return a;
  Json::Object properties = *a.AsObject();
  for (const auto& [key, value] : *b.AsObject()) {
    const auto same = std::ranges::find(properties, key, &Json::Member::first);
    if (same == properties.end()) {
      properties.emplace_back(key, value);
    } else {
      same->second = MergeSchemas(same->second, value);
    }
  }
  return Json(std::move(properties));
}

}  // namespace

text::Json MergeSchemas(const text::Json& base, const text::Json& more) {
  // `true` asks for nothing, `false` for what does not exist.
  if (base.AsObject() == nullptr)
    return base.AsBoolean() != nullptr && *base.AsBoolean() ? more : base;
  if (more.AsObject() == nullptr)
    return more.AsBoolean() != nullptr && *more.AsBoolean() ? base : more;
  Json::Object members = *base.AsObject();
  for (const auto& [key, value] : *more.AsObject()) {
    const auto same = std::ranges::find(members, key, &Json::Member::first);
    if (same == members.end()) {
      members.emplace_back(key, value);
    } else {
      same->second = MergeValues(key, same->second, value);
    }
  }
  return Json(std::move(members));
}

text::Json DropKeyword(const text::Json& object, std::string_view keyword) {
  Json::Object members = *object.AsObject();
  std::erase_if(members, [&](const Json::Member& member) {
    return member.first == keyword ||
           IsOneOf(member.first, {"title", "description", "default", "examples", "example",
                                  "$schema", "$id", "$anchor", "$defs", "definitions", "$comment",
                                  "deprecated", "readOnly", "writeOnly", "discriminator"});
  });
  return Json(std::move(members));
}

}  // namespace fathom::constraint
