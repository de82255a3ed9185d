// What strings whose characters are counted allow of a vocabulary.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "constraint/grammar.h"
#include "constraint/machine.h"
#include "constraint/token_trie.h"
#include "constraint/token_walk.h"

namespace fathom::constraint {

/// How many characters each token adds to a string that is under way, and closes it after: found
/// once, it answers for every distance to the bounds of the count.
class CountedTokens {
 public:
  /// More characters than any token adds.
  static constexpr uint64_t kMany = 254;

  /// `node` is one of the rule whose count has no bounds.
  CountedTokens(const TokenTrie& trie, const Grammar& grammar, NodeId node);

  /// Where at least `lacks` further characters have to come and at most `left` may.
  NodeTokens Select(uint64_t lacks, uint64_t left) const;

 private:
  struct Counts;

  static Counts Count(const Machine& machine, Machine::State state);

  size_t words_;
  std::vector<uint8_t> characters_;                   // by token, if it ends within the string
  std::vector<std::pair<int32_t, uint8_t>> closers_;  // tokens that close it, in part or wholly
  std::vector<std::pair<uint32_t, uint8_t>> exits_;
};

}  // namespace fathom::constraint
