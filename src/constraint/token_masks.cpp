#include "constraint/token_masks.h"

#include <algorithm>

namespace fathom::constraint {
namespace {

// At 16 KB for a vocabulary of 129,280 tokens, 16 MB.
constexpr size_t kMaxLocals = 1024;

void SetTokens(std::span<const int32_t> tokens, MaskWords mask) {
  for (const int32_t token : tokens) {
    mask[static_cast<size_t>(token) / 64] |= uint64_t{1} << (static_cast<size_t>(token) % 64);
  }
}

// Walks the nodes [begin, end) of the trie, all below a node of depth `depth` at which the machine
// is in the state path[depth], and tells those that it can reach.
template <typename OnNode>
void Walk(const TokenTrie& trie, uint32_t begin, uint32_t end, Machine* machine,
          std::vector<Machine::State>& path, const OnNode& on_node) {
  const auto nodes = trie.nodes();
  for (uint32_t i = begin; i < end;) {
    const TokenTrie::Node& node = nodes[i];
    const Machine::State state = machine->Next(path[node.depth - size_t{1}], node.byte);
    if (state == Machine::kDead) {
      i = node.end;
      continue;
    }
    path[node.depth] = state;
    on_node(i, state);
    ++i;
  }
}

}  // namespace

TokenMasks::TokenMasks(const TokenTrie& trie, const Grammar& grammar, const TokenMasks* common)
    : trie_(trie),
      grammar_(grammar),
      common_(common),
      common_nodes_(common == nullptr ? 0 : common->grammar_.size()),
      machine_(grammar),
      path_(trie.longest_token() + 1) {}

void TokenMasks::Prepare() {
  for (NodeId id = 0; id < grammar_.size(); ++id) {
    const Node& node = grammar_.node(id);
    if (node.is_leaf && node.kind == Node::Kind::kConsume) FindLocal({.node = id}, 0);
  }
}

void TokenMasks::Fill(Machine* machine, Machine::State state, MaskWords mask) {
  std::fill(mask.begin(), mask.end(), 0);
  // Returning makes states.
  const std::vector<Thread> threads(machine->threads(state).begin(), machine->threads(state).end());
  for (const Thread& thread : threads) {
    if (grammar_.node(thread.node).kind != Node::Kind::kConsume) continue;
    const Local& local = FindLocal(thread, machine->DepthOf(thread));
    for (size_t word = 0; word < mask.size(); ++word) mask[word] |= local.mask[word];
    if (!local.exits.empty()) AddExits(local, machine, machine->Return(thread), mask);
  }
  for (Symbol symbol = kBytes; symbol < kSymbols; ++symbol) {
    if (machine->Next(state, symbol) == Machine::kDead) continue;
    const int32_t token = trie_.SpecialToken(symbol);
    SetTokens({&token, 1}, mask);
  }
}

void TokenMasks::AddExits(const Local& local, Machine* machine, Machine::State after,
                          MaskWords mask) {
  for (const uint32_t exit : local.exits) {
    const TokenTrie::Node& node = trie_.nodes()[exit];
    path_[node.depth] = after;
    Walk(trie_, exit + 1, node.end, machine, path_,
         [&](uint32_t i, Machine::State) { SetTokens(trie_.TokensOf(trie_.nodes()[i]), mask); });
  }
}

// Of a count only how far its bounds are matters, as long as a token can reach.
TokenMasks::Key TokenMasks::MakeKey(const Thread& thread, uint32_t depth) const {
  const Node& node = grammar_.node(thread.node);
  Key key = {thread.node, node.is_leaf ? 0 : depth, thread.data};
  if (node.count_least == 0 && node.count_most == 0) return key;
  const uint64_t reach = trie_.longest_token();
  const uint64_t lacks = node.count_least - std::min(thread.data, node.count_least);
  const uint64_t left = node.count_most - std::min(thread.data, node.count_most);
  key.data = std::min(lacks, reach) << 32;
  key.data |= node.count_most == 0 ? reach : std::min(left, reach);
  return key;
}

const TokenMasks::Local* TokenMasks::LookUp(const Key& key) const {
  const auto known = locals_.find(key);
  return known == locals_.end() ? nullptr : &known->second;
}

const TokenMasks::Local& TokenMasks::FindLocal(const Thread& thread, uint32_t depth) {
  const Key key = MakeKey(thread, depth);
  if (thread.node < common_nodes_) {
    if (const Local* local = common_->LookUp(key)) return *local;
  }
  if (const Local* local = LookUp(key)) return *local;
  if (locals_.size() >= kMaxLocals) locals_.clear();
  if (machine_.state_count() > Machine::kManyStates) machine_.Forget(Machine::kDead);
  return locals_.emplace(key, MakeLocal(thread, key.depth)).first->second;
}

TokenMasks::Local TokenMasks::MakeLocal(const Thread& thread, uint32_t depth) {
  Local local;
  local.mask.resize(CountMaskWords(trie_.vocab_size()));
  path_[0] = machine_.Begin(thread.node, thread.data, depth);
  const auto count = static_cast<uint32_t>(trie_.nodes().size());
  Walk(trie_, 0, count, &machine_, path_, [&](uint32_t i, Machine::State state) {
    const TokenTrie::Node& node = trie_.nodes()[i];
    SetTokens(trie_.TokensOf(node), local.mask);
    if (machine_.MayEnd(state) && node.end > i + 1) local.exits.push_back(i);
  });
  return local;
}

}  // namespace fathom::constraint
