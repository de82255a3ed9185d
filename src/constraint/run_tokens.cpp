#include "constraint/run_tokens.h"

#include <algorithm>
#include <utility>

#include "constraint/token_walk.h"

namespace fathom::constraint {
namespace {

// Where something else comes, or more characters than any run has.
constexpr uint8_t kNoRun = Grammar::kLongRun + 1;

}  // namespace

RunTokens::RunTokens(const TokenTrie& trie, const Grammar& grammar, NodeId loop)
    : characters_(CountMaskWords(trie.vocab_size()) * 64, kNoRun),
      from_start_(trie.nodes().size()),
      below_(trie.nodes().size()) {
  Machine machine(grammar);
  home_ = machine.Begin(loop);
  // From behind: each node stands before those below it.
  for (auto node = static_cast<uint32_t>(below_.size()); node-- > 0;)
    below_[node] = Measure(trie, node, &machine, home_);
  MeasureFromStart(trie, &machine);
}

void RunTokens::MeasureFromStart(const TokenTrie& trie, Machine* machine) {
  WalkPath path = MakeWalkPath(trie);
  path[0] = home_;
  std::vector<int> counts(path.size());  // of characters, by depth
  Walk(trie, 0, CountNodes(trie), machine, path, [&](uint32_t i, Machine::State) {
    const TokenTrie::Node& node = trie.nodes()[i];
    const size_t above = node.depth - size_t{1};
    counts[node.depth] = counts[above] + (path[above] == home_ ? 1 : 0);
    for (const int32_t token : trie.TokensOf(node))
      characters_[static_cast<size_t>(token)] =
          static_cast<uint8_t>(std::min<int>(counts[node.depth], kNoRun));
    return true;
  });
  std::vector<uint8_t> most(path.size() + 1);  // of the nodes of each depth, since their parent
  for (uint32_t i = CountNodes(trie); i-- > 0;) {
    const TokenTrie::Node& node = trie.nodes()[i];
    from_start_[i] = std::exchange(most[node.depth + size_t{1}], 0);
    uint8_t& here = most[node.depth];
    here = std::max(here, from_start_[i]);
    for (const int32_t token : trie.TokensOf(node))
      here = std::max(here, characters_[static_cast<size_t>(token)]);
  }
}

void RunTokens::AddUpTo(uint8_t most, MaskWords mask) const {
  const size_t words = std::min(mask.size(), characters_.size() / 64);
  for (size_t word = 0; word < words; ++word) {
    for (size_t bit = 0; bit < 64; ++bit)
      mask[word] |= uint64_t{characters_[word * 64 + bit] <= most} << bit;
  }
}

// Calls itself only within a character.
uint8_t RunTokens::Measure(const TokenTrie& trie, uint32_t node, Machine* machine,
                           Machine::State state) const {
  const auto nodes = trie.nodes();
  int most = 0;
  for (uint32_t child = node + 1; child < nodes[node].end; child = nodes[child].end) {
    const Machine::State next = machine->Next(state, nodes[child].byte);
    if (next == Machine::kDead) return kNoRun;
    const int rest = next == home_ ? below_[child] : Measure(trie, child, machine, next);
    most = std::max(most, rest + (state == home_ ? 1 : 0));
    if (most >= kNoRun) return kNoRun;
  }
  return static_cast<uint8_t>(most);
}

void RunTokens::AddBelow(const TokenTrie& trie, uint32_t node, MaskWords mask) {
  const TokenTrie::Node& top = trie.nodes()[node];
  const uint32_t begin = top.first_token + top.token_count;
  const size_t end =
      top.end < trie.nodes().size() ? trie.nodes()[top.end].first_token : trie.tokens().size();
  SetTokens(trie.tokens().subspan(begin, end - begin), mask);
}

}  // namespace fathom::constraint
