// Fields of a JSON object, with errors that name the place.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace fathom::text {

/// Text from a file as part of an error line: quoted, control characters escaped, cut if long.
std::string Quote(std::string_view text);

/// The object's field, or an error that names it.
base::Result<const nlohmann::json*> RequireField(const nlohmann::json& object, const char* name,
                                                 const std::string& where);

/// The object's field of that type; `fallback` if it is missing or null.
base::Result<bool> ReadBool(const nlohmann::json& object, const char* name, bool fallback,
                            const std::string& where);

/// The object's field, which must be a string.
base::Result<std::string> ReadString(const nlohmann::json& object, const char* name,
                                     const std::string& where);

/// The object's "type" field, which every component of a tokenizer.json has.
base::Result<std::string> ReadType(const nlohmann::json& object, const std::string& where);

}  // namespace fathom::text
