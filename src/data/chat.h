// Small talk about what the bundled model is and can do.
#pragma once

#include <cstdint>

#include "text/message.h"

namespace fathom::data {

/// A conversation of one to four questions, without tools and without thinking. Depends on the seed
/// alone, on every platform.
text::Conversation MakeChat(uint64_t seed);

}  // namespace fathom::data
