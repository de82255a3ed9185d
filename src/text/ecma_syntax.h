// From the expressions of ECMA 262 to PCRE2's.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace fathom::text {

/// Rewrites an expression so that PCRE2 with UTF, ALT_BSUX and its like matches what it means: the
/// dot stops at four line ends, \s is every space of Unicode, and nothing else. \S in a set knows
/// the spaces of ASCII alone.
base::Result<std::string> TranslateEcmaPattern(std::string_view pattern);

}  // namespace fathom::text
