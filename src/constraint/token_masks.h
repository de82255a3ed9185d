// Which tokens may come next.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "constraint/alike_tokens.h"
#include "constraint/grammar.h"
#include "constraint/loop_tokens.h"
#include "constraint/machine.h"
#include "constraint/token_set.h"
#include "constraint/token_trie.h"
#include "constraint/token_walk.h"

namespace fathom::constraint {

/// What the rules that all grammars begin with make of a vocabulary. Any thread may use it.
class CommonTokens {
 public:
  /// `grammar` has these rules alone. Both outlive this. Takes about a tenth of a second.
  CommonTokens(const TokenTrie& trie, const Grammar& grammar);

  /// What the node decides, if it is one of these rules and calls no other.
  const NodeTokens* Find(NodeId node) const { return At(nodes_, node); }
  const LoopTokens* FindLoop(NodeId node) const { return At(loops_, node); }
  /// Of the places that all grammars have, by number from 0.
  const std::vector<std::optional<AlikeTokens>>& alike() const { return alike_; }

 private:
  template <typename Value>
  using Table = std::vector<std::unique_ptr<Value>>;
  template <typename Value>
  static const Value* At(const Table<Value>& table, NodeId node) {
    return node < table.size() ? table[node].get() : nullptr;
  }

  Table<NodeTokens> nodes_;
  Table<LoopTokens> loops_;
  std::vector<std::optional<AlikeTokens>> alike_;
};

/// What a vocabulary makes of a grammar. What the top of the stack alone decides of all tokens is
/// found once for each node; only tokens that go on after the end of their rule need the rest of
/// the stack. One thread at a time uses it.
class TokenMasks {
 public:
  /// Everything outlives this. Takes some milliseconds for each of the grammar's places.
  TokenMasks(const TokenTrie& trie, const Grammar& grammar, const CommonTokens& common);

  /// Sets the bits of the tokens that may come in that state of `machine`, which runs the same
  /// grammar, and clears all others.
  void Fill(Machine* machine, Machine::State state, MaskWords mask);

  /// In bytes, of what was found beforehand.
  size_t size_of_tables() const;

 private:
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
  // What a walk gathers. Without `exits` the ends of the outermost rule are of no interest.
  struct Gathered {
    MaskWords mask;
    std::vector<uint32_t>* exits = nullptr;
  };

  Key MakeKey(const Thread& thread, uint32_t depth) const;
  const NodeTokens& FindTokens(const Thread& thread, uint32_t depth);
  const AlikeTokens* FindAlike(NodeId node) const;
  NodeTokens MakeTokens(const Thread& thread, const Key& key);
  void WalkBelow(uint32_t begin, uint32_t end, Machine* machine, const Gathered& gathered);
  void TakeChain(uint32_t node, Machine::State state, Machine* machine, const Gathered& gathered);
  bool TakeLoop(uint32_t node, Machine::State state, Machine* machine, const Gathered& gathered);
  void ContinueAfter(uint32_t exit, Machine::State after, Machine* machine,
                     const Gathered& gathered);

  const TokenTrie& trie_;
  const Grammar& grammar_;
  const CommonTokens& common_;
  std::vector<std::optional<AlikeTokens>> alike_;  // behind those that are common
  Machine machine_;                                // for what begins with one node
  std::unordered_map<Key, NodeTokens, HashKey> known_;
  WalkPath path_;
};

}  // namespace fathom::constraint
