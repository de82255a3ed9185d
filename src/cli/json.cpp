#include "cli/json.h"

namespace fathom::cli {

std::string PrintJson(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

std::string DumpJson(const Json& json) { return PrintJson(json, 2) + "\n"; }

}  // namespace fathom::cli
