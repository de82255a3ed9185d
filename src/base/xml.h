#pragma once

#include <string>
#include <string_view>

namespace fathom::base {

/// `text` for between the tags of XML, or between the quotes of an attribute.
std::string EscapeXml(std::string_view text);

}  // namespace fathom::base
