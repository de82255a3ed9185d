// What "$ref" means.
#pragma once

#include <string_view>

#include "text/field.h"

namespace fathom::constraint {

/// The part of the document that a "$ref" with a JSON pointer means, such as "#/$defs/a"; missing
/// if nothing is there.
text::Field FindReference(const text::Field& document, std::string_view address);

}  // namespace fathom::constraint
