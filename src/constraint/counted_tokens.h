// What strings allow of a vocabulary, by the number of characters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "constraint/grammar.h"
#include "constraint/machine.h"
#include "constraint/token_trie.h"
#include "constraint/token_walk.h"

namespace fathom::constraint {

/// With how many characters a string that is under way can be ended after each token, and how many
/// it has if the token closes it: found once, it answers for every distance to the bounds.
class CountedTokens {
 public:
  /// More characters than any token adds.
  static constexpr uint64_t kMany = 254;

  /// `node` is between two characters of a string or inside of one, in a rule without bounds.
  CountedTokens(const TokenTrie& trie, const Grammar& grammar, NodeId node);

  /// Where at least `lacks` further characters have to come and at most `left` may. REQUIRES: they
  /// are 0 and kMany, or the rule allows each number of characters from the least on, wherever the
  /// string is.
  NodeTokens Select(uint64_t lacks, uint64_t left) const;

  /// In bytes.
  size_t size() const {
    return characters_.size() + closers_.size() * sizeof(closers_[0]) +
           exits_.size() * sizeof(exits_[0]);
  }

 private:
  class Walker;

  size_t words_;
  // By token, those that the string has at least if the token ends within it.
  std::vector<uint8_t> characters_;
  std::vector<std::pair<int32_t, uint8_t>> closers_;  // tokens that close it, in part or wholly
  std::vector<std::pair<uint32_t, uint8_t>> exits_;
};

}  // namespace fathom::constraint
