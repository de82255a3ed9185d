// Strings in which an expression is found, as parts of a grammar.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "constraint/common_rules.h"
#include "constraint/grammar.h"
#include "constraint/pattern_automaton.h"
#include "constraint/strings.h"

namespace fathom::constraint {

/// The rules of one grammar's patterns. Equal ones share their rule.
class PatternRules {
 public:
  /// Both outlive this.
  PatternRules(const CommonRules& common, Grammar* grammar) : common_(common), grammar_(grammar) {}

  /// A rule like those of AddStringRule and AddBoundedString. Nothing if the expression is not one
  /// that ReadPattern reads, or its automaton has no room.
  std::optional<NodeId> Add(std::string_view pattern, const LengthBounds& bounds,
                            Spelling spelling);

 private:
  using Key = std::tuple<std::string, uint64_t, std::optional<uint64_t>, Spelling>;

  std::optional<NodeId> Make(std::string_view pattern, const LengthBounds& bounds,
                             Spelling spelling);
  std::vector<NodeId> AddStates(const CharacterAutomaton& automaton, Spelling spelling);
  void AddCharacters(const CharacterAutomaton& automaton, size_t state,
                     const std::vector<NodeId>& nodes, Spelling spelling);
  NodeId AddFreeEnd(const LengthBounds& rest, Spelling spelling);

  const CommonRules& common_;
  Grammar* grammar_;
  AutomatonBudget budget_;
  std::map<Key, std::optional<NodeId>> known_;
};

}  // namespace fathom::constraint
