// Any bytes as an expression and a text, separated by a zero byte. If the expression is one that
// can be held, its automaton takes the text if PCRE2 finds it there.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "constraint/pattern.h"
#include "constraint/pattern_automaton.h"
#include "text/regex.h"
#include "text/utf8.h"

namespace {

using fathom::constraint::CharacterAutomaton;

bool Takes(const CharacterAutomaton& automaton, std::string_view text) {
  size_t at = 0;
  for (size_t i = 0; i < text.size() && !automaton.states[at].is_free;) {
    const size_t length = fathom::text::CharacterLength(text, i);
    const char32_t character = fathom::text::CodePointAt(text, i, length);
    i += length;
    int32_t next = CharacterAutomaton::kDead;
    for (size_t c = 0; c < automaton.classes.size(); ++c)
      if (fathom::constraint::Contains(automaton.classes[c], character))
        next = automaton.states[at].next[c];
    if (next == CharacterAutomaton::kDead) return false;
    at = static_cast<size_t>(next);
  }
  return automaton.states[at].accepts;
}

// PCRE2 has POSIX names in sets, and knows the spaces of ASCII alone where a set has \S. After a
// set of nothing, version 10.42 overlooks a repeat: it finds "[]?" nowhere.
bool ReadsAlike(std::string_view pattern) {
  const auto has = [&](std::string_view part) { return pattern.find(part) != pattern.npos; };
  return !has("[]") && !has("[:") && !has("[.") && !has("[=") && !(has("[") && has("\\S"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (fathom::text::ValidPrefixLength(input) < size) return 0;
  const size_t end = std::min(input.find('\0'), size);
  const std::string_view pattern = input.substr(0, end);
  const std::string_view text = input.substr(std::min(end + 1, size));
  const auto read = fathom::constraint::ReadPattern(pattern);
  if (!read.ok()) return 0;
  fathom::constraint::AutomatonBudget budget = {.states = 256, .steps = 1 << 16};
  const auto automaton = fathom::constraint::MakeAutomaton(*read, &budget);
  const auto regex = fathom::text::Regex::CompileEcma(pattern);
  if (!automaton || !regex.ok() || !ReadsAlike(pattern)) return 0;
  fathom::text::RegexScratch scratch(text.size(), 100'000);
  const auto found = regex->Search(text, 0, scratch);
  if (found.ok()) FATHOM_CHECK(Takes(*automaton, text) == found->has_value());
  return 0;
}
