// Positions of earlier sequences, found by the tokens that lead to them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "kv/position.h"
#include "kv/token_tree.h"

namespace fathom::kv {

/// Keeps positions until it is told to give memory back, and then gives up the least valuable one.
///
/// What a position is worth: the tokens that somebody who returns to it need not compute, from the
/// position before it on its path; times its uses so far; for each byte that it alone holds. To
/// this is added what the position given up last was worth when this one was last used, so that
/// what is not used falls behind (GreedyDual-Size with frequency: no clock, and one unit for
/// everything).
class PrefixCache {
 public:
  using Item = std::shared_ptr<const Position>;

  /// The longest position that `tokens` begin with, or null.
  Item Find(std::span<const int32_t> tokens);

  /// The same, which counts as a use.
  Item Use(std::span<const int32_t> tokens);

  /// The position of exactly these tokens, or null.
  Item FindExact(std::span<const int32_t> tokens);

  /// Keeps a position that a sequence has come to. One that is there already stays and is used.
  /// REQUIRES: as many tokens as position.length().
  void Add(std::span<const int32_t> tokens, Position position);

  /// Gives up the least valuable position of those that nobody else holds, and returns it; null if
  /// there is none.
  Item EvictLeast();

  int64_t size() const { return size_; }

  /// Calls visit(std::vector<int32_t> tokens, const Item&) for the longest positions: those that no
  /// other one goes on from.
  template <typename Visit>
  void ForEachLongest(Visit&& visit) {
    tree_.ForEach([&](const Node& node) {
      if (node.is_leaf()) visit(node.Path(), node.value->position);
    });
  }

 private:
  struct Entry {
    Item position;
    int64_t uses = 0;
    double floor = 0;  ///< worth of what was given up last, when this was used last
  };
  using Node = TokenTree<Entry>::Node;

  void CountUse(Entry& entry) const;
  static double WorthOf(const Node& node);

  TokenTree<Entry> tree_;
  double floor_ = 0;
  int64_t size_ = 0;
};

}  // namespace fathom::kv
