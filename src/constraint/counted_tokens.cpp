#include "constraint/counted_tokens.h"

#include <algorithm>
#include <optional>

namespace fathom::constraint {
namespace {

constexpr uint8_t kNever = CountedTokens::kMany + 1;

uint8_t Clamp(uint64_t count) { return static_cast<uint8_t>(std::min<uint64_t>(count, kNever)); }

}  // namespace

// Beyond those that the node itself stands for.
struct CountedTokens::Counts {
  std::optional<uint64_t> within;  // if the string goes on
  std::optional<uint64_t> closed;  // if it was closed, or has begun to be
};

CountedTokens::CountedTokens(const TokenTrie& trie, const Grammar& grammar, NodeId node)
    : words_(CountMaskWords(trie.vocab_size())), characters_(words_ * 64, kNever) {
  Machine machine(grammar);
  WalkPath path = MakeWalkPath(trie);
  path[0] = machine.Begin(node);
  Walk(trie, 0, CountNodes(trie), &machine, path, [&](uint32_t i, Machine::State state) {
    const TokenTrie::Node& place = trie.nodes()[i];
    const Counts counts = Count(machine, state);
    for (const int32_t token : trie.TokensOf(place)) {
      if (counts.within) characters_[static_cast<size_t>(token)] = Clamp(*counts.within);
      if (counts.closed) closers_.emplace_back(token, Clamp(*counts.closed));
    }
    if (machine.MayEnd(state) && place.end > i + 1) exits_.emplace_back(i, Clamp(*counts.closed));
    return true;
  });
}

// Before a character there is a thread that counts it already and one that may close the string,
// which does not.
CountedTokens::Counts CountedTokens::Count(const Machine& machine, Machine::State state) {
  Counts counts;
  std::optional<uint64_t> inside_character;
  for (const Thread& thread : machine.threads(state)) {
    const Node& node = machine.grammar().node(thread.node);
    const bool has_ended = node.kind == Node::Kind::kReturn;
    if (has_ended || node.counted == CountedPart::kClosed) counts.closed = thread.data;
    if (node.counted == CountedPart::kClosing) counts.within = thread.data;
    if (node.counted == CountedPart::kCharacter) inside_character = thread.data;
  }
  if (!counts.within) counts.within = inside_character;
  return counts;
}

NodeTokens CountedTokens::Select(uint64_t lacks, uint64_t left) const {
  const uint64_t most = std::min(left, kMany);
  std::vector<uint64_t> mask(words_);
  for (size_t word = 0; word < words_; ++word) {
    for (size_t bit = 0; bit < 64; ++bit)
      mask[word] |= uint64_t{characters_[word * 64 + bit] <= most} << bit;
  }
  const auto may_close = [&](uint64_t count) { return lacks <= count && count <= most; };
  for (const auto& [token, count] : closers_)
    if (may_close(count)) SetToken(token, mask);
  NodeTokens tokens{TokenSet(mask), {}};
  for (const auto& [node, count] : exits_)
    if (may_close(count)) tokens.exits.push_back(node);
  return tokens;
}

}  // namespace fathom::constraint
