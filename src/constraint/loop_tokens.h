// What free strings allow of a vocabulary, part by part.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "constraint/grammar.h"
#include "constraint/token_set.h"
#include "constraint/token_trie.h"
#include "constraint/token_walk.h"

namespace fathom::constraint {

/// Of a node that leads back to itself, such as that between the characters of a string: which
/// tokens may come. Where the bytes of some node of the tree lead from the loop to the loop, it
/// says the same of all that is below that node to whoever comes to the loop with these bytes from
/// elsewhere, without a walk.
class LoopTokens {
 public:
  /// `loop` calls no rule.
  LoopTokens(const TokenTrie& trie, const Grammar& grammar, NodeId loop);

  /// Whether the bytes of that node of the tree lead from the loop to the loop.
  bool IsHome(uint32_t node) const { return (homes_[node / 64] >> (node % 64) & 1) != 0; }
  /// Adds the tokens below that node. REQUIRES: IsHome(node).
  void AddBelow(const TokenTrie& trie, uint32_t node, MaskWords mask) const;
  /// The nodes below that one at which the rule ends before a token does. REQUIRES: IsHome(node).
  std::span<const uint32_t> ExitsBelow(const TokenTrie& trie, uint32_t node) const;

 private:
  std::vector<uint64_t> homes_;   // by node of the tree
  std::vector<uint64_t> places_;  // of tokens that may come, in TokenTrie::tokens()
  std::vector<uint32_t> exits_;
};

}  // namespace fathom::constraint
