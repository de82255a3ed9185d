// Sets of Unicode characters.
#pragma once

#include <compare>
#include <cstddef>
#include <vector>

namespace fathom::constraint {

struct CharacterRange {
  char32_t first = 0;
  char32_t last = 0;

  auto operator<=>(const CharacterRange&) const = default;
};
inline constexpr char32_t kLastCharacter = 0x10FFFF;

/// Ascending and apart. Surrogates in it are nothing.
using CharacterSet = std::vector<CharacterRange>;

/// All characters that are not in `set`.
CharacterSet Complement(const CharacterSet& set);
/// In order, and apart.
CharacterSet Normalize(CharacterSet set);
/// What is in any of both, and in both.
CharacterSet Unite(CharacterSet a, const CharacterSet& b);
CharacterSet Intersect(const CharacterSet& a, const CharacterSet& b);
bool Contains(const CharacterSet& set, char32_t character);
size_t CountCharacters(const CharacterSet& set);

}  // namespace fathom::constraint
