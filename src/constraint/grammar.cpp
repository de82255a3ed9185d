#include "constraint/grammar.h"

#include <algorithm>
#include <bitset>
#include <utility>

#include "base/check.h"

namespace fathom::constraint {
namespace {

uint16_t AddLevel(uint16_t height) {
  return height == Grammar::kNever ? height : static_cast<uint16_t>(height + 1);
}

}  // namespace

Grammar::Grammar() { end_ = Add({.kind = Node::Kind::kReturn}); }

NodeId Grammar::Add(Node node) {
  if (nodes_.size() >= kMaxNodes) {
    is_full_ = true;
    return end_;
  }
  nodes_.push_back(std::move(node));
  return static_cast<NodeId>(nodes_.size() - 1);
}

NodeId Grammar::AddFork() { return Add({.kind = Node::Kind::kFork}); }

NodeId Grammar::AddChoice(std::span<const NodeId> alternatives) {
  if (alternatives.size() == 1) return alternatives[0];
  const NodeId fork = AddFork();
  for (const NodeId alternative : alternatives) AddBranch(fork, {.target = alternative});
  return fork;
}

NodeId Grammar::AddBytes(std::string_view bytes, NodeId next) {
  for (size_t i = bytes.size(); i-- > 0;) {
    next = AddSymbol(static_cast<unsigned char>(bytes[i]), next);
  }
  return next;
}

NodeId Grammar::AddConsumer(std::vector<Edge> edges) {
  return Add({.kind = Node::Kind::kConsume, .edges = std::move(edges)});
}

NodeId Grammar::AddCall(NodeId callee, NodeId next) {
  return Add({.kind = Node::Kind::kCall, .callee = callee, .after = next});
}

uint32_t Grammar::AddFamily() {
  families_.emplace_back();
  family_keys_.push_back(0);
  return static_cast<uint32_t>(families_.size() - 1);
}

void Grammar::AddKey(NodeId fork, uint32_t family, size_t key, NodeId value, NodeId target) {
  FATHOM_CHECK(key < kMaxKeys);
  families_[family][key] = value;
  family_keys_[family] |= uint64_t{1} << key;
  AddBranch(fork, {.target = target, .test = Test::kMark, .operand = key, .family = family});
}

void Grammar::SetBounds(NodeId node, const Bounds& bounds) {
  nodes_[node].counts = true;
  nodes_[node].count_least = bounds.least;
  nodes_[node].count_most = bounds.most;
}

uint8_t Grammar::AddPlaces(Places places) {
  FATHOM_CHECK(places_.size() < kMaxPlaces);
  places_.push_back(std::move(places));
  return static_cast<uint8_t>(places_.size());
}

void Grammar::Finish() {
  MeasureHeights();
  Prune();
  FindLeaves();
  FindClasses();
}

// The least fixed point. Grammars are built backwards, so that most nodes follow what they need
// and one pass settles them; only recursion needs more.
void Grammar::MeasureHeights() {
  for (Node& node : nodes_) node.height = kNever;
  for (bool changed = true; changed;) {
    changed = false;
    for (Node& node : nodes_) {
      const uint16_t height = MeasureHeight(node);
      if (height == node.height) continue;
      node.height = height;
      changed = true;
    }
  }
}

uint16_t Grammar::MeasureHeight(const Node& node) const {
  uint16_t least = kNever;
  switch (node.kind) {
    case Node::Kind::kReturn:
      return 0;
    case Node::Kind::kCall:
      return std::max(AddLevel(nodes_[node.callee].height), nodes_[node.after].height);
    case Node::Kind::kConsume:
      for (const Edge& edge : node.edges) least = std::min(least, nodes_[edge.target].height);
      return least;
    case Node::Kind::kFork:
      for (const Branch& branch : node.branches) least = std::min(least, MeasureBranch(branch));
      return least;
  }
  FATHOM_CHECK(false);
}

// A rule that needs keys cannot end unless each of them can be given.
uint16_t Grammar::MeasureBranch(const Branch& branch) const {
  uint16_t height = nodes_[branch.target].height;
  if (branch.test != Test::kAllMarked) return height;
  for (size_t key = 0; key < kMaxKeys; ++key) {
    if ((branch.operand >> key & 1) == 0) continue;
    const bool exists = (family_keys_[branch.family] >> key & 1) != 0;
    height =
        std::max(height, exists ? AddLevel(nodes_[families_[branch.family][key]].height) : kNever);
  }
  return height;
}

void Grammar::Prune() {
  for (size_t family = 0; family < families_.size(); ++family) {
    for (size_t key = 0; key < kMaxKeys; ++key) {
      const uint64_t bit = uint64_t{1} << key;
      const bool exists = (family_keys_[family] & bit) != 0;
      if (exists && !Matches(families_[family][key])) family_keys_[family] &= ~bit;
    }
  }
  for (Node& node : nodes_) {
    std::erase_if(node.edges, [&](const Edge& edge) { return !Matches(edge.target); });
    std::erase_if(node.branches,
                  [&](const Branch& branch) { return MeasureBranch(branch) == kNever; });
    for (Branch& branch : node.branches) {
      if (branch.test == Test::kSomeUnmarked) branch.operand = family_keys_[branch.family];
    }
  }
}

void Grammar::FindLeaves() {
  for (bool changed = true; changed;) {
    changed = false;
    for (Node& node : nodes_) {
      if (!node.is_leaf) continue;
      bool is_leaf = node.kind != Node::Kind::kCall;
      for (const Edge& edge : node.edges) is_leaf = is_leaf && nodes_[edge.target].is_leaf;
      for (const Branch& branch : node.branches) is_leaf = is_leaf && nodes_[branch.target].is_leaf;
      if (is_leaf) continue;
      node.is_leaf = false;
      changed = true;
    }
  }
}

void Grammar::FindClasses() {
  std::bitset<kSymbols + 1> begins;
  for (Symbol special = kBytes; special < kSymbols; ++special) begins.set(special);
  for (const Node& node : nodes_) {
    for (const Edge& edge : node.edges) {
      begins.set(edge.first);
      begins.set(edge.last + size_t{1});
    }
  }
  uint16_t current = 0;
  for (Symbol symbol = 0; symbol < kSymbols; ++symbol) {
    if (symbol > 0 && begins.test(symbol)) ++current;
    classes_[symbol] = current;
  }
  class_count_ = size_t{current} + 1;
}

}  // namespace fathom::constraint
