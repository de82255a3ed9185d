// What holds where two schemas hold.
#pragma once

#include <string_view>

#include "text/json.h"

namespace fathom::constraint {

/// A schema for the values that satisfy both objects. Of a keyword that cannot be joined the one of
/// `base` counts.
text::Json MergeSchemas(const text::Json& base, const text::Json& more);

/// What the object asks of values beside one of its keywords: without titles, definitions and other
/// members that ask for nothing.
text::Json DropKeyword(const text::Json& object, std::string_view keyword);

}  // namespace fathom::constraint
