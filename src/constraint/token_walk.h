// Walks over the tree of a vocabulary with the machine of a grammar.
#pragma once

#include <cstdint>
#include <vector>

#include "constraint/machine.h"
#include "constraint/token_set.h"
#include "constraint/token_trie.h"

namespace fathom::constraint {

/// States by the depth in the tree; that of depth 0 is where a token begins.
using WalkPath = std::vector<Machine::State>;

inline WalkPath MakeWalkPath(const TokenTrie& trie) { return WalkPath(trie.longest_token() + 1); }

/// Walks the nodes [begin, end), all below a node of some depth at which the machine, or whatever
/// has its states and Next, is in the state path[depth], and tells `on_node` of those that it can
/// reach and of the state there. That answers whether to go on below the node.
template <typename AnyMachine, typename OnNode>
void Walk(const TokenTrie& trie, uint32_t begin, uint32_t end, AnyMachine* machine, WalkPath& path,
          const OnNode& on_node) {
  const auto nodes = trie.nodes();
  for (uint32_t i = begin; i < end;) {
    const TokenTrie::Node& node = nodes[i];
    const auto state = machine->Next(path[node.depth - size_t{1}], node.byte);
    if (state == AnyMachine::kDead) {
      i = node.end;
      continue;
    }
    path[node.depth] = state;
    i = on_node(i, state) ? i + 1 : node.end;
  }
}

inline uint32_t CountNodes(const TokenTrie& trie) {
  return static_cast<uint32_t>(trie.nodes().size());
}

/// What the node at the top of the stack decides of all tokens.
struct NodeTokens {
  TokenSet tokens;  ///< those that may come, whatever called the rule
  /// Nodes of the tree at which the rule ends before the token does, ascending.
  std::vector<uint32_t> exits;
};

}  // namespace fathom::constraint
