#include "text/json_field.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "text/utf8.h"

namespace fathom::text {

using nlohmann::json;

std::string Quote(std::string_view text) {
  constexpr size_t kMaxBytes = 80;
  std::string quoted = "\"";
  size_t at = 0;
  while (at < text.size() && quoted.size() < kMaxBytes) {
    const size_t length = CharacterLength(text, at);
    const unsigned char byte = static_cast<unsigned char>(text[at]);
    if (length == 0 || byte < 0x20 || byte == 0x7F) {
      quoted += fmt::format("\\x{:02X}", byte);
    } else {
      quoted += text.substr(at, length);
    }
    at += std::max<size_t>(length, 1);
  }
  return quoted + (at < text.size() ? "...\"" : "\"");
}

base::Result<const json*> RequireField(const json& object, const char* name,
                                       const std::string& where) {
  if (!object.is_object()) {
    return base::MakeError("{}: expected an object, found {}", where, object.type_name());
  }
  const auto field = object.find(name);
  if (field == object.end()) return base::MakeError("{}: \"{}\" is missing", where, name);
  return &*field;
}

base::Result<bool> ReadBool(const json& object, const char* name, bool fallback,
                            const std::string& where) {
  const auto field = object.find(name);
  if (field == object.end() || field->is_null()) return fallback;
  if (!field->is_boolean()) {
    return base::MakeError("{}.{}: expected a boolean, found {}", where, name, field->type_name());
  }
  return field->get<bool>();
}

base::Result<std::string> ReadString(const json& object, const char* name,
                                     const std::string& where) {
  FATHOM_ASSIGN(const json* const field, RequireField(object, name, where));
  if (!field->is_string()) {
    return base::MakeError("{}.{}: expected a string, found {}", where, name, field->type_name());
  }
  return field->get<std::string>();
}

base::Result<std::string> ReadType(const json& object, const std::string& where) {
  return ReadString(object, "type", where);
}

}  // namespace fathom::text
