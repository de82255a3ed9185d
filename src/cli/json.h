// JSON that commands print.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace fathom::cli {

/// Keys stay in the order in which they were added.
using Json = nlohmann::ordered_json;

/// The text of `json`, on one line if `indent` is -1. Bytes that are not UTF-8, as a path may have
/// them, become U+FFFD.
std::string PrintJson(const Json& json, int indent);

/// What commands print: indented by 2, with a line end.
std::string DumpJson(const Json& json);

}  // namespace fathom::cli
