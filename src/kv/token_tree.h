// A radix tree over sequences of tokens.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/check.h"

namespace fathom::kv {

/// Holds values for sequences of tokens and finds the longest one that a given sequence begins
/// with. Tokens that several sequences begin with are stored once. A node keeps its address for as
/// long as it has a value.
template <typename Value>
class TokenTree {
 public:
  class Node {
   public:
    std::optional<Value> value;

    /// Tokens from the root to here.
    int64_t length() const { return length_; }
    /// The node where the path to this one leaves that to another, or the last one before it that
    /// has a value. Null: this is the root.
    Node* parent() const { return parent_; }
    bool is_leaf() const { return children_.empty(); }

    /// The last node before this one that has a value, or null.
    Node* FindAncestor() const {
      Node* node = parent_;
      while (node != nullptr && !node->value) node = node->parent_;
      return node;
    }

    /// All tokens from the root to here.
    std::vector<int32_t> Path() const {
      std::vector<int32_t> path(static_cast<size_t>(length_));
      for (const Node* node = this; node->parent_ != nullptr; node = node->parent_)
        std::ranges::copy(node->edge_, path.begin() + node->parent_->length_);
      return path;
    }

   private:
    friend class TokenTree;

    Node* parent_ = nullptr;
    std::vector<int32_t> edge_;  // tokens from the parent to here; empty at the root only
    int64_t length_ = 0;
    std::map<int32_t, Node*> children_;  // by the first token of their edge
    typename std::list<Node>::iterator place_;
  };

  TokenTree() : root_(&NewNode(nullptr, {})) {}
  TokenTree(const TokenTree&) = delete;
  TokenTree& operator=(const TokenTree&) = delete;

  /// The node of exactly these tokens, made if there is none; whoever calls gives it a value.
  Node& Insert(std::span<const int32_t> tokens) {
    auto [node, matched] = Descend(tokens);
    if (matched < node->length_) node = &Split(*node, matched);
    const auto rest = tokens.subspan(static_cast<size_t>(matched));
    return rest.empty() ? *node : NewNode(node, {rest.begin(), rest.end()});
  }

  /// The node with a value whose tokens are the longest beginning of `tokens`, or null.
  Node* FindLongest(std::span<const int32_t> tokens) {
    auto [node, matched] = Descend(tokens);
    const bool whole = matched == node->length_;
    return whole && node->value ? node : node->FindAncestor();
  }

  /// The node of exactly these tokens if it has a value, or null.
  Node* Find(std::span<const int32_t> tokens) {
    Node* node = FindLongest(tokens);
    return node != nullptr && node->length_ == std::ssize(tokens) ? node : nullptr;
  }

  /// Takes a node's value away, and the nodes that nothing needs any more.
  void Erase(Node& node) {
    node.value.reset();
    Node* rest = &node;
    while (rest != root_ && !rest->value && rest->children_.empty()) {
      Node* parent = rest->parent_;
      parent->children_.erase(rest->edge_.front());
      nodes_.erase(rest->place_);
      rest = parent;
    }
    if (rest != root_ && !rest->value && rest->children_.size() == 1) MergeIntoChild(*rest);
  }

  /// Calls visit(Node&) for every node that has a value, in no order that means anything.
  template <typename Visit>
  void ForEach(Visit&& visit) {
    for (Node& node : nodes_)
      if (node.value) visit(node);
  }

 private:
  // As far down as the tokens lead: the node that is reached, and the tokens that match, which end
  // within the node's edge if they are fewer than its length.
  std::pair<Node*, int64_t> Descend(std::span<const int32_t> tokens) {
    Node* node = root_;
    while (static_cast<size_t>(node->length_) < tokens.size()) {
      const auto rest = tokens.subspan(static_cast<size_t>(node->length_));
      const auto child = node->children_.find(rest.front());
      if (child == node->children_.end()) break;
      node = child->second;
      const auto leaves = std::ranges::mismatch(node->edge_, rest);
      if (leaves.in1 != node->edge_.end())
        return {node, node->parent_->length_ + (leaves.in1 - node->edge_.begin())};
    }
    return {node, node->length_};
  }

  Node& NewNode(Node* parent, std::vector<int32_t> edge) {
    Node& node = nodes_.emplace_back();
    node.place_ = std::prev(nodes_.end());
    node.edge_ = std::move(edge);
    if (parent != nullptr) Attach(node, *parent);
    return node;
  }

  static void Attach(Node& node, Node& parent) {
    node.parent_ = &parent;
    node.length_ = parent.length_ + std::ssize(node.edge_);
    parent.children_[node.edge_.front()] = &node;
  }

  // Puts a node into the edge above `node`, where that has `length` tokens.
  Node& Split(Node& node, int64_t length) {
    Node& parent = *node.parent_;
    const auto cut = node.edge_.begin() + (length - parent.length_);
    Node& middle = NewNode(&parent, {node.edge_.begin(), cut});
    node.edge_.erase(node.edge_.begin(), cut);
    Attach(node, middle);
    return middle;
  }

  void MergeIntoChild(Node& node) {
    Node& child = *node.children_.begin()->second;
    child.edge_.insert(child.edge_.begin(), node.edge_.begin(), node.edge_.end());
    Attach(child, *node.parent_);
    nodes_.erase(node.place_);
  }

  std::list<Node> nodes_;
  Node* root_;
};

}  // namespace fathom::kv
