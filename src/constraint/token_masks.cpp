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
    : nodes_(grammar.size()), loops_(grammar.size()), counted_(grammar.size()) {
  Machine machine(grammar);
  WalkPath path = MakeWalkPath(trie);
  for (NodeId id = 0; id < grammar.size(); ++id) {
    const Node& node = grammar.node(id);
    if (!node.is_leaf || node.kind != Node::Kind::kConsume) continue;
    if (node.part == StringPart::kBetween || node.part == StringPart::kInside)
      counted_[id] = std::make_unique<CountedTokens>(trie, grammar, id);
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
  for (const NodeId node : grammar.tables()) counted_.try_emplace(node, trie, grammar, node);
  for (const NodeId loop : grammar.runs()) runs_.emplace_back(trie, grammar, loop);
}

size_t TokenMasks::size_of_tables() const {
  size_t size = runs_.size() * (2 * trie_.nodes().size() + trie_.tokens().size());
  for (const auto& [node, tokens] : counted_) size += tokens.size();
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

// Of a count only how far its bounds are matters, and not in which string.
TokenMasks::Key TokenMasks::MakeKey(const Thread& thread, uint32_t depth) const {
  const Node& node = grammar_.node(thread.node);
  const uint32_t key_depth = node.is_leaf ? 0 : depth;
  if (node.part == StringPart::kClosing) return {thread.node, key_depth, 0};
  if (node.unbounded == 0) return {thread.node, key_depth, thread.data};
  const bool counts_next = node.part == StringPart::kBefore && thread.data > 0;
  const uint64_t count = thread.data - (counts_next ? 1 : 0);
  const uint64_t lacks = node.count_least - std::min(count, node.count_least);
  const uint64_t left = node.count_most - std::min(count, node.count_most);
  constexpr uint64_t kMany = CountedTokens::kMany;
  return {node.unbounded, 0, std::min(lacks, kMany + 1) << 32 | std::min(left, kMany)};
}

const CountedTokens* TokenMasks::FindCounted(NodeId node) const {
  const auto counted = counted_.find(node);
  return counted != counted_.end() ? &counted->second : common_.FindCounted(node);
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
  if (const CountedTokens* counted = FindCounted(key.node))
    return counted->Select(key.data >> 32, key.data & UINT32_MAX);
  NodeTokens tokens;
  std::vector<uint64_t> mask(CountMaskWords(trie_.vocab_size()));
  path_[0] = machine_.Begin(thread.node, thread.data, key.depth);
  Gathered gathered = {mask, &tokens.exits};
  const Node& node = grammar_.node(thread.node);
  if (node.run_length > 0) {
    gathered.run = &runs_[node.run];
    gathered.run_length = node.run_length;
    gathered.run->AddUpTo(node.run_length, mask);
  }
  WalkBelow(0, CountNodes(trie_), &machine_, gathered);
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
    return !TakeRun(i, state, *machine, gathered) && !TakeLoop(i, state, machine, gathered);
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
  RunTokens::AddBelow(trie_, node, gathered.mask);
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

// Gathers what is below that node if all of it may come. No rule ends there.
bool TokenMasks::TakeRun(uint32_t node, Machine::State state, const Machine& machine,
                         const Gathered& gathered) const {
  if (gathered.run != nullptr && gathered.run->HasAllFromStart(node, gathered.run_length))
    return true;
  const std::optional<NodeId> only = machine.OnlyNode(state);
  if (!only) return false;
  const Node& top = grammar_.node(*only);
  if (top.run_length == 0 || !runs_[top.run].HasAllBelow(node, top.run_length)) return false;
  RunTokens::AddBelow(trie_, node, gathered.mask);
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
