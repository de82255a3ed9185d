// Characters and strings as parts of a grammar.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "constraint/character_set.h"
#include "constraint/grammar.h"

namespace fathom::constraint {

/// How a string stands in an answer.
enum class Spelling : uint8_t {
  kJson,  ///< inside quotes, as json.dumps(text, ensure_ascii=False) escapes it and no other way
  kRaw,   ///< as it is, up to the closing tag of a DSML parameter
};

/// The edges that begin one character of the set, and the nodes that end it at `next`.
std::vector<Edge> MakeCharacterEdges(const CharacterSet& set, Spelling spelling, NodeId next,
                                     Grammar* grammar);

/// A text, spelled.
NodeId AddText(std::string_view text, Spelling spelling, NodeId next, Grammar* grammar);

/// What ends a string: the quote, or the closing tag and its line end.
NodeId AddClosing(Spelling spelling, NodeId next, Grammar* grammar);

/// In characters.
struct LengthBounds {
  uint64_t least = 0;
  std::optional<uint64_t> most{};
};

/// A rule: the characters of a string and its closing.
NodeId AddStringRule(Spelling spelling, Grammar* grammar);
/// The same with bounds. `places`: the number of those of such strings in this spelling, or 0.
NodeId AddBoundedString(Spelling spelling, const LengthBounds& bounds, uint8_t places,
                        Grammar* grammar);

/// A rule: what is left of a key in raw spelling, and its quote.
NodeId AddRawKeyRule(Grammar* grammar);

/// A key that is none of `taken`, its quote, then `next`. `rest` is the rule of any rest of a key
/// in that spelling. In raw spelling the key is not empty.
NodeId AddOtherKey(std::span<const std::string> taken, Spelling spelling, NodeId rest, NodeId next,
                   Grammar* grammar);

}  // namespace fathom::constraint
