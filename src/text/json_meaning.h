// Whether two JSON texts mean the same.
#pragma once

#include <string_view>

#include "text/json.h"

namespace fathom::text {

/// Whether the values are equal, whatever the order of keys and the spelling of numbers: 1, 1.0 and
/// 1e0 are one number. Numbers that are spelt differently are compared as doubles.
bool MeansTheSame(const Json& left, const Json& right);

/// The same of two texts; those that are not JSON mean the same only if they are the same bytes.
bool MeansTheSame(std::string_view left, std::string_view right);

}  // namespace fathom::text
