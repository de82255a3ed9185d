// What characters of a set make of a vocabulary.
#pragma once

#include <cstdint>
#include <vector>

#include "constraint/grammar.h"
#include "constraint/machine.h"
#include "constraint/token_set.h"
#include "constraint/token_trie.h"

namespace fathom::constraint {

/// Of a set of characters, which tokens are made of how many of them, from their beginning or from
/// any node of the tree on. Where a walk has the promise of so many, it need not go on.
class RunTokens {
 public:
  /// `loop` is one of grammar.runs(). Takes some milliseconds.
  RunTokens(const TokenTrie& trie, const Grammar& grammar, NodeId loop);

  /// Adds the tokens of at most `most` characters of the set and nothing else, of which the last
  /// may lack its end.
  void AddUpTo(uint8_t most, MaskWords mask) const;
  /// Whether all tokens below that node are among these.
  bool HasAllFromStart(uint32_t node, uint8_t most) const { return from_start_[node] <= most; }

  /// Whether all tokens below that node go on from it with at most `most` characters of the set and
  /// with nothing else.
  bool HasAllBelow(uint32_t node, uint8_t most) const { return below_[node] <= most; }
  static void AddBelow(const TokenTrie& trie, uint32_t node, MaskWords mask);

 private:
  uint8_t Measure(const TokenTrie& trie, uint32_t node, Machine* machine,
                  Machine::State state) const;

  void MeasureFromStart(const TokenTrie& trie, Machine* machine);

  Machine::State home_ = Machine::kDead;  // between two characters
  std::vector<uint8_t> characters_;       // by token
  // By node of the tree, the most of all tokens below it.
  std::vector<uint8_t> from_start_;
  std::vector<uint8_t> below_;
};

}  // namespace fathom::constraint
