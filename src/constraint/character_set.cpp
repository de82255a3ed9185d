#include "constraint/character_set.h"

#include <algorithm>
#include <utility>

namespace fathom::constraint {

CharacterSet Complement(const CharacterSet& set) {
  CharacterSet rest;
  char32_t next = 0;
  for (const CharacterRange& range : set) {
    if (range.first > next) rest.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= kLastCharacter) rest.push_back({next, kLastCharacter});
  return rest;
}

CharacterSet Normalize(CharacterSet set) {
  std::sort(set.begin(), set.end());
  CharacterSet apart;
  for (const CharacterRange& range : set) {
    if (!apart.empty() && range.first <= apart.back().last + 1) {
      apart.back().last = std::max(apart.back().last, range.last);
    } else {
      apart.push_back(range);
    }
  }
  return apart;
}

CharacterSet Unite(CharacterSet a, const CharacterSet& b) {
  a.insert(a.end(), b.begin(), b.end());
  return Normalize(std::move(a));
}

CharacterSet Intersect(const CharacterSet& a, const CharacterSet& b) {
  CharacterSet both;
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const CharacterRange common = {std::max(a[i].first, b[j].first),
                                   std::min(a[i].last, b[j].last)};
    if (common.first <= common.last) both.push_back(common);
    a[i].last < b[j].last ? ++i : ++j;
  }
  return both;
}

bool Contains(const CharacterSet& set, char32_t character) {
  return std::any_of(set.begin(), set.end(), [&](const CharacterRange& range) {
    return range.first <= character && character <= range.last;
  });
}

size_t CountCharacters(const CharacterSet& set) {
  size_t count = 0;
  for (const CharacterRange& range : set) count += range.last - range.first + size_t{1};
  return count;
}

}  // namespace fathom::constraint
