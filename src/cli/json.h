// JSON that commands print.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace fathom::cli {

/// Keys stay in the order in which they were added.
using Json = nlohmann::ordered_json;

/// The text of `json`, indented, with a line end. Bytes that are not UTF-8, as a path may have
/// them, become U+FFFD.
inline std::string DumpJson(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace fathom::cli
