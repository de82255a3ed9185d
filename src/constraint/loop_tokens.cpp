#include "constraint/loop_tokens.h"

#include <algorithm>

namespace fathom::constraint {

LoopTokens::LoopTokens(const TokenTrie& trie, const Grammar& grammar, NodeId loop)
    : homes_(trie.nodes().size() / 64 + 1), places_(trie.tokens().size() / 64 + 1) {
  Machine machine(grammar);
  WalkPath path = MakeWalkPath(trie);
  const Machine::State home = path[0] = machine.Begin(loop);
  Walk(trie, 0, CountNodes(trie), &machine, path, [&](uint32_t i, Machine::State state) {
    const TokenTrie::Node& node = trie.nodes()[i];
    if (state == home) homes_[i / 64] |= uint64_t{1} << (i % 64);
    for (uint32_t place = node.first_token; place < node.first_token + node.token_count; ++place)
      places_[place / 64] |= uint64_t{1} << (place % 64);
    if (machine.MayEnd(state) && node.end > i + 1) exits_.push_back(i);
    return true;
  });
}

void LoopTokens::AddBelow(const TokenTrie& trie, uint32_t node, MaskWords mask) const {
  const TokenTrie::Node& top = trie.nodes()[node];
  const size_t end =
      top.end < trie.nodes().size() ? trie.nodes()[top.end].first_token : trie.tokens().size();
  for (size_t place = top.first_token + top.token_count; place < end; ++place)
    if ((places_[place / 64] >> (place % 64) & 1) != 0) SetToken(trie.tokens()[place], mask);
}

std::span<const uint32_t> LoopTokens::ExitsBelow(const TokenTrie& trie, uint32_t node) const {
  const auto begin = std::upper_bound(exits_.begin(), exits_.end(), node);
  return {begin, std::lower_bound(begin, exits_.end(), trie.nodes()[node].end)};
}

}  // namespace fathom::constraint
