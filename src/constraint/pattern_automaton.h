// From an expression to an automaton over characters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "constraint/character_set.h"
#include "constraint/pattern.h"
#include "constraint/strings.h"

namespace fathom::constraint {

/// The strings in which an expression is found somewhere, as JSON Schema means it. Deterministic,
/// and from each state but the first some string can be ended.
struct CharacterAutomaton {
  static constexpr int32_t kDead = -1;
  struct State {
    std::vector<int32_t> next{};  ///< by class of characters; kDead: none of them may come
    bool accepts = false;         ///< the string may end here
    bool is_free = false;         ///< what comes is only counted, by `rest`; `next` is empty
    LengthBounds rest{};
  };
  std::vector<CharacterSet> classes;  ///< that the expression does not tell apart; all disjoint
  std::vector<State> states;          ///< the first comes first
};

/// What may be spent on automata, so that a schema of somebody cannot take seconds.
struct AutomatonBudget {
  size_t states = 4096;
  size_t steps = size_t{1} << 22;  ///< of about ten nanoseconds
};

/// Nothing if it takes more than the budget has or more than 2,048 states. `budget` loses what was
/// spent.
std::optional<CharacterAutomaton> MakeAutomaton(const Pattern& pattern, AutomatonBudget* budget);

/// The same strings as far as their lengths are within the bounds. The same limits.
std::optional<CharacterAutomaton> BoundLength(const CharacterAutomaton& automaton,
                                              const LengthBounds& bounds, AutomatonBudget* budget);

}  // namespace fathom::constraint
