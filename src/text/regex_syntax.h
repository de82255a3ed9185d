// From Oniguruma's pattern syntax to PCRE2's.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace fathom::text {

/// Rewrites a pattern of Oniguruma's own syntax (Unicode, UTF-8) so that PCRE2 with UTF, UCP and
/// MULTILINE matches the same. Constructs that PCRE2 reads differently and cannot express are an
/// error that names the construct and its byte offset.
base::Result<std::string> TranslateOnigurumaPattern(std::string_view pattern);

}  // namespace fathom::text
