#include "text/json_meaning.h"

#include <algorithm>
#include <cstdlib>

namespace fathom::text {
namespace {

bool AreSameObjects(const Json::Object& left, const Json& right) {
  return left.size() == right.AsObject()->size() &&
         std::all_of(left.begin(), left.end(), [&](const Json::Member& member) {
           const Json* const other = right.Find(member.first);
           return other != nullptr && MeansTheSame(member.second, *other);
         });
}

bool AreSameArrays(const Json::Array& left, const Json::Array& right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](const Json& one, const Json& other) { return MeansTheSame(one, other); });
}

bool AreSameNumbers(const std::string& left, const std::string& right) {
  return left == right || std::strtod(left.c_str(), nullptr) == std::strtod(right.c_str(), nullptr);
}

}  // namespace

bool MeansTheSame(const Json& left, const Json& right) {
  if (left.KindName() != right.KindName()) return false;
  if (const auto* object = left.AsObject()) return AreSameObjects(*object, right);
  if (const auto* array = left.AsArray()) return AreSameArrays(*array, *right.AsArray());
  if (const auto* number = left.AsNumber())
    return AreSameNumbers(number->text, right.AsNumber()->text);
  if (const auto* string = left.AsString()) return *string == *right.AsString();
  if (const auto* boolean = left.AsBoolean()) return *boolean == *right.AsBoolean();
  return true;
}

bool MeansTheSame(std::string_view left, std::string_view right) {
  if (left == right) return true;
  const auto left_json = ReadJson(left, "");
  const auto right_json = ReadJson(right, "");
  return left_json.ok() && right_json.ok() && MeansTheSame(*left_json, *right_json);
}

}  // namespace fathom::text
