// The regular expressions of JSON Schema, as far as an automaton can be made of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "constraint/character_set.h"

namespace fathom::constraint {

/// An expression, taken apart.
struct Pattern {
  enum class Kind : uint8_t {
    kSet,       ///< one character of `set`
    kBegin,     ///< nothing, where the text begins
    kEnd,       ///< nothing, where it ends
    kSequence,  ///< all `parts`
    kChoice,    ///< one of `parts`
    kRepeat,    ///< the only part, so and so many times
  };
  Kind kind = Kind::kSequence;
  CharacterSet set{};
  std::vector<Pattern> parts{};
  uint32_t least = 0;
  std::optional<uint32_t> most{};
};

/// Reads an expression of ECMA 262 whose characters are code points, as its flag `u` has it, with
/// what Annex B lets pass: braces and brackets that are themselves, escapes that escape nothing.
/// Errors say at which byte is what no automaton can hold (lookaround, back references, \b), what
/// this does not know (\p, flags), or what is no expression.
base::Result<Pattern> ReadPattern(std::string_view text);

}  // namespace fathom::constraint
