// What strings allow of a vocabulary, whatever place in them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "constraint/grammar.h"
#include "constraint/machine.h"
#include "constraint/token_set.h"
#include "constraint/token_trie.h"
#include "constraint/token_walk.h"

namespace fathom::constraint {

/// Tokens that lead each place of a string to the same state are alike: of one class. Classes are a
/// tree as tokens are, but of hundreds of nodes instead of hundreds of thousands.
class AlikeTokens {
 public:
  /// Of what all vocabularies of one grammar may take, in transitions of some ten nanoseconds.
  static constexpr size_t kBudget = size_t{1} << 22;

  /// Takes some milliseconds, and from `budget` what it took. Nothing if that is not enough, or if
  /// there are more than 4,096 classes.
  static std::optional<AlikeTokens> Make(const TokenTrie& trie, const Grammar& grammar,
                                         const Grammar::Places& places, size_t* budget);

  /// What may come at a state of `machine`, which runs the grammar: one that begins at one of the
  /// places, or, if they were counted, at the same place of that string with bounds.
  NodeTokens Select(Machine* machine, Machine::State state) const;

  size_t class_count() const { return classes_.size(); }
  /// In bytes.
  size_t size() const;

 private:
  // The first is that of no byte at all. Each stands behind the one that leads to it.
  struct Class {
    uint32_t parent = 0;
    uint8_t byte = 0;  // that leads here from there
    TokenSet tokens;
    std::vector<uint32_t> exits;  // see NodeTokens
  };

  AlikeTokens(const TokenTrie& trie) : words_(CountMaskWords(trie.vocab_size())) {}

  size_t words_;
  std::vector<Class> classes_;
};

}  // namespace fathom::constraint
