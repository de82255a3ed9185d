// Which tokens may come next.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "constraint/grammar.h"
#include "constraint/machine.h"
#include "constraint/token_trie.h"

namespace fathom::constraint {

/// A bit for each token of the vocabulary: id i is bit i % 64 of word i / 64.
using MaskWords = std::span<uint64_t>;

inline size_t CountMaskWords(int64_t vocab_size) {
  return static_cast<size_t>((vocab_size + 63) / 64);
}

/// What a vocabulary makes of a grammar. What the top of the stack alone decides of all tokens is
/// found once for each node; only tokens that go on after the end of their rule need the rest of
/// the stack. One thread at a time uses it, except for LookUp.
class TokenMasks {
 public:
  /// `common`, if there is one, is that of a grammar that begins with the same nodes. Everything
  /// outlives this.
  TokenMasks(const TokenTrie& trie, const Grammar& grammar, const TokenMasks* common = nullptr);

  /// Finds what the nodes decide that call no rule. After that any thread may use this as `common`.
  void Prepare();

  /// Sets the bits of the tokens that may come in that state of `machine`, which runs the same
  /// grammar, and clears all others.
  void Fill(Machine* machine, Machine::State state, MaskWords mask);

 private:
  // What the top of the stack decides.
  struct Local {
    std::vector<uint64_t> mask;   // tokens that may come, whatever called the rule
    std::vector<uint32_t> exits;  // nodes of the trie at which the rule ends before the token does
  };
  struct Key {
    NodeId node = 0;
    uint32_t depth = 0;
    uint64_t data = 0;
    bool operator==(const Key&) const = default;
  };
  struct HashKey {
    size_t operator()(const Key& key) const {
      return (key.node * 0x9E3779B97F4A7C15u ^ key.depth) * 0x9E3779B97F4A7C15u ^ key.data;
    }
  };

  Key MakeKey(const Thread& thread, uint32_t depth) const;
  const Local* LookUp(const Key& key) const;
  const Local& FindLocal(const Thread& thread, uint32_t depth);
  Local MakeLocal(const Thread& thread, uint32_t depth);
  void AddExits(const Local& local, Machine* machine, Machine::State after, MaskWords mask);

  const TokenTrie& trie_;
  const Grammar& grammar_;
  const TokenMasks* common_;
  size_t common_nodes_;
  Machine machine_;  // for what begins with one node
  std::unordered_map<Key, Local, HashKey> locals_;
  std::vector<Machine::State> path_;  // states by the depth of the trie
};

}  // namespace fathom::constraint
