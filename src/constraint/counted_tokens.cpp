#include "constraint/counted_tokens.h"

#include <algorithm>
#include <utility>

namespace fathom::constraint {
namespace {

constexpr uint8_t kNever = CountedTokens::kMany + 1;
constexpr uint8_t kNone = UINT8_MAX;  // nothing of the kind

uint8_t Clamp(uint32_t count) { return static_cast<uint8_t>(std::min<uint32_t>(count, kNever)); }

// From inside of a character or from behind it.
uint8_t FindLacking(const Grammar& grammar, NodeId id) {
  const Node& node = grammar.node(id);
  if (node.part != StringPart::kInside) return node.characters_lacking;
  uint8_t least = kNone;
  for (const Edge& edge : node.edges) least = std::min(least, FindLacking(grammar, edge.target));
  return least;
}

}  // namespace

// Goes through the tree once.
class CountedTokens::Walker {
 public:
  Walker(const TokenTrie& trie, const Grammar& grammar, CountedTokens* found)
      : trie_(trie), machine_(grammar), begun_(trie.longest_token() + 1), found_(*found) {}

  void Go(NodeId node) {
    WalkPath path = MakeWalkPath(trie_);
    path[0] = machine_.Begin(node);
    Walk(trie_, 0, CountNodes(trie_), &machine_, path, [&](uint32_t i, Machine::State state) {
      Take(i, path[trie_.nodes()[i].depth - size_t{1}], state);
      if (!trie_.nodes()[i].is_chain) return true;
      TakeChain(i, state);
      return false;
    });
  }

 private:
  // What the threads of a state are in.
  struct Place {
    bool is_between = false;       // a character may begin
    uint8_t lacking = kNone;       // if the string goes on, the characters that have to begin yet
    uint8_t bytes_closed = kNone;  // if it is being closed, or that is over
  };

  // Most nodes have one token below them and come without the way back up that a walk keeps.
  void TakeChain(uint32_t top, Machine::State state) {
    for (uint32_t i = top + 1; i < trie_.nodes()[top].end; ++i) {
      const Machine::State before =
          std::exchange(state, machine_.Next(state, trie_.nodes()[i].byte));
      if (state == Machine::kDead) return;
      Take(i, before, state);
    }
  }

  // What ends at that node of the tree.
  void Take(uint32_t i, Machine::State before, Machine::State state) {
    const TokenTrie::Node& end = trie_.nodes()[i];
    const bool may_begin = PlaceOf(before).is_between;
    const Place& place = PlaceOf(state);
    const bool goes_on = place.lacking != kNone;
    begun_[end.depth] = begun_[end.depth - size_t{1}] + (may_begin && goes_on ? 1 : 0);
    if (goes_on) {
      const uint8_t whole = Clamp(begun_[end.depth] + place.lacking);
      for (const int32_t token : trie_.TokensOf(end))
        found_.characters_[static_cast<size_t>(token)] = whole;
    }
    if (place.bytes_closed == kNone) return;
    const uint8_t closed = Clamp(begun_[end.depth - place.bytes_closed]);
    for (const int32_t token : trie_.TokensOf(end)) found_.closers_.emplace_back(token, closed);
    if (machine_.MayEnd(state) && end.end > i + 1) found_.exits_.emplace_back(i, closed);
  }

  static Place FindPlace(const Machine& machine, Machine::State state) {
    Place place;
    for (const Thread& thread : machine.threads(state)) {
      const Node& node = machine.grammar().node(thread.node);
      if (node.part == StringPart::kBetween) place.is_between = true;
      if (node.part == StringPart::kBetween || node.part == StringPart::kInside)
        place.lacking = FindLacking(machine.grammar(), thread.node);
      if (node.part == StringPart::kClosing) place.bytes_closed = node.bytes_closed;
      // Behind a quote: what closes the other strings is not all bytes.
      if (node.kind == Node::Kind::kReturn) place.bytes_closed = 1;
    }
    return place;
  }

  const Place& PlaceOf(Machine::State state) {
    while (places_.size() <= state)
      places_.push_back(FindPlace(machine_, static_cast<Machine::State>(places_.size())));
    return places_[state];
  }

  const TokenTrie& trie_;
  Machine machine_;
  std::vector<Place> places_;    // by state
  std::vector<uint32_t> begun_;  // characters, by depth in the tree
  CountedTokens& found_;
};

CountedTokens::CountedTokens(const TokenTrie& trie, const Grammar& grammar, NodeId node)
    : words_(CountMaskWords(trie.vocab_size())), characters_(words_ * 64, kNever) {
  Walker(trie, grammar, this).Go(node);
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
