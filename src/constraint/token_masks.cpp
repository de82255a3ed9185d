#include "constraint/token_masks.h"

#include <algorithm>
#include <utility>

namespace fathom::constraint {
namespace {

// At 16 KB for a vocabulary of 129,280 tokens, 4 MB.
constexpr size_t kMaxKnown = 256;

bool LeadsToItself(const Grammar& grammar, NodeId id) {
  const auto& edges = grammar.node(id).edges;
  return std::any_of(edges.begin(), edges.end(), [&](const Edge& e) { return e.target == id; });
}

}  // namespace

CommonTokens::CommonTokens(const TokenTrie& trie, const Grammar& grammar)
    : nodes_(grammar.size()), loops_(grammar.size()) {
  size_t budget = AlikeTokens::kBudget;
  for (const Grammar::Places& places : grammar.places())
    alike_.push_back(AlikeTokens::Make(trie, grammar, places, &budget));
  Machine machine(grammar);
  WalkPath path = MakeWalkPath(trie);
  for (NodeId id = 0; id < grammar.size(); ++id) {
    const Node& node = grammar.node(id);
    if (!node.is_leaf || node.kind != Node::Kind::kConsume || node.counts) continue;
    if (LeadsToItself(grammar, id)) loops_[id] = std::make_unique<LoopTokens>(trie, grammar, id);
    nodes_[id] = std::make_unique<NodeTokens>();
    std::vector<uint64_t> mask(CountMaskWords(trie.vocab_size()));
    path[0] = machine.Begin(id);
    Walk(trie, 0, CountNodes(trie), &machine, path, [&](uint32_t i, Machine::State state) {
      const TokenTrie::Node& place = trie.nodes()[i];
      SetTokens(trie.TokensOf(place), mask);
      if (machine.MayEnd(state) && place.end > i + 1) nodes_[id]->exits.push_back(i);
      return true;
    });
    nodes_[id]->tokens = TokenSet(mask);
  }
}

TokenMasks::TokenMasks(const TokenTrie& trie, const Grammar& grammar, const CommonTokens& common)
    : trie_(trie),
      grammar_(grammar),
      common_(common),
      machine_(grammar),
      path_(MakeWalkPath(trie)) {
  size_t budget = AlikeTokens::kBudget;
  for (size_t i = common.alike().size(); i < grammar.places().size(); ++i)
    alike_.push_back(AlikeTokens::Make(trie, grammar, grammar.places()[i], &budget));
}

size_t TokenMasks::size_of_tables() const {
  size_t size = 0;
  for (const std::optional<AlikeTokens>& alike : alike_) size += alike ? alike->size() : 0;
  return size;
}

void TokenMasks::Fill(Machine* machine, Machine::State state, MaskWords mask) {
  std::fill(mask.begin(), mask.end(), 0);
  // Returning makes states.
  const std::vector<Thread> threads(machine->threads(state).begin(), machine->threads(state).end());
  for (const Thread& thread : threads) {
    if (grammar_.node(thread.node).kind != Node::Kind::kConsume) continue;
    const NodeTokens& tokens = FindTokens(thread, machine->DepthOf(thread));
    tokens.tokens.AddTo(mask);
    if (tokens.exits.empty()) continue;
    const Machine::State after = machine->Return(thread);
    for (const uint32_t exit : tokens.exits) ContinueAfter(exit, after, machine, {mask});
  }
  for (Symbol symbol = kBytes; symbol < kSymbols; ++symbol) {
    if (machine->Next(state, symbol) != Machine::kDead) SetToken(trie_.SpecialToken(symbol), mask);
  }
}

// Of a count only how far its bounds are matters, and that only if a token may come to them.
TokenMasks::Key TokenMasks::MakeKey(const Thread& thread, uint32_t depth) const {
  const Node& node = grammar_.node(thread.node);
  Key key = {thread.node, node.is_leaf ? 0 : depth, thread.data};
  if (!node.counts) return key;
  const uint64_t farthest = key.data + trie_.longest_token();
  if (farthest < node.count_least) key.data = 0;
  if (key.data >= node.count_least && farthest <= node.count_most) key.data = node.count_least;
  return key;
}

const AlikeTokens* TokenMasks::FindAlike(NodeId node) const {
  const size_t number = grammar_.node(node).places;
  if (number == 0) return nullptr;
  const size_t common = common_.alike().size();
  const auto& alike = number <= common ? common_.alike()[number - 1] : alike_[number - 1 - common];
  return alike ? &*alike : nullptr;
}

const NodeTokens& TokenMasks::FindTokens(const Thread& thread, uint32_t depth) {
  if (const NodeTokens* tokens = common_.Find(thread.node)) return *tokens;
  const Key key = MakeKey(thread, depth);
  if (const auto known = known_.find(key); known != known_.end()) return known->second;
  if (known_.size() >= kMaxKnown) known_.clear();
  if (machine_.state_count() > Machine::kManyStates) machine_.Forget(Machine::kDead);
  return known_.emplace(key, MakeTokens(thread, key)).first->second;
}

NodeTokens TokenMasks::MakeTokens(const Thread& thread, const Key& key) {
  const Machine::State state = machine_.Begin(thread.node, key.data, key.depth);
  if (const AlikeTokens* alike = FindAlike(thread.node)) return alike->Select(&machine_, state);
  NodeTokens tokens;
  std::vector<uint64_t> mask(CountMaskWords(trie_.vocab_size()));
  path_[0] = state;
  WalkBelow(0, CountNodes(trie_), &machine_, {mask, &tokens.exits});
  tokens.tokens = TokenSet(mask);
  return tokens;
}

void TokenMasks::WalkBelow(uint32_t begin, uint32_t end, Machine* machine,
                           const Gathered& gathered) {
  Walk(trie_, begin, end, machine, path_, [&](uint32_t i, Machine::State state) {
    const TokenTrie::Node& node = trie_.nodes()[i];
    SetTokens(trie_.TokensOf(node), gathered.mask);
    if (node.end == i + 1) return false;
    if (gathered.exits != nullptr && machine->MayEnd(state)) gathered.exits->push_back(i);
    if (node.is_chain) {
      TakeChain(i, state, machine, gathered);
      return false;
    }
    return !TakeLoop(i, state, machine, gathered);
  });
}

// Gathers the only token below that node, without the way back up that a walk keeps: most nodes of
// a vocabulary are the ends of tokens, which they share with no other.
void TokenMasks::TakeChain(uint32_t node, Machine::State state, Machine* machine,
                           const Gathered& gathered) {
  const auto nodes = trie_.nodes();
  const uint32_t last = nodes[node].end - 1;
  for (uint32_t i = node + 1; i <= last; ++i) {
    state = machine->Next(state, nodes[i].byte);
    if (state == Machine::kDead) return;
    if (gathered.exits != nullptr && i < last && machine->MayEnd(state))
      gathered.exits->push_back(i);
  }
  SetTokens(trie_.TokensBelow(node), gathered.mask);
}

// Gathers what is below that node if the machine has come to a loop that knows.
bool TokenMasks::TakeLoop(uint32_t node, Machine::State state, Machine* machine,
                          const Gathered& gathered) {
  const std::optional<NodeId> only = machine->OnlyNode(state);
  const LoopTokens* loop = only ? common_.FindLoop(*only) : nullptr;
  if (loop == nullptr || !loop->IsHome(node)) return false;
  loop->AddBelow(trie_, node, gathered.mask);
  const auto exits = loop->ExitsBelow(trie_, node);
  if (exits.empty()) return true;
  const Machine::State after = machine->Return(Thread(machine->threads(state)[0]));
  for (const uint32_t exit : exits) {
    if (gathered.exits != nullptr && machine->MayEnd(after)) gathered.exits->push_back(exit);
    ContinueAfter(exit, after, machine, gathered);
  }
  return true;
}

// Gathers what is below the node of the tree at which a rule has ended.
void TokenMasks::ContinueAfter(uint32_t exit, Machine::State after, Machine* machine,
                               const Gathered& gathered) {
  const TokenTrie::Node& node = trie_.nodes()[exit];
  path_[node.depth] = after;
  WalkBelow(exit + 1, node.end, machine, gathered);
}

}  // namespace fathom::constraint
