// Where the computation of a prompt pauses so that its position can be kept.
#pragma once

#include <cstdint>
#include <set>
#include <span>

namespace fathom::engine {

/// The boundaries of a prompt, and regular distances. A boundary costs a step of its own, so those
/// that follow another one closely are left out.
class PromptStops {
 public:
  /// Tokens from one stop to the next boundary that becomes one, at least. A step of a few tokens
  /// takes about as long as these many tokens of a long prompt, to an order of magnitude; somebody
  /// who returns to a boundary that is left out computes fewer than these.
  static constexpr int64_t kLeastDistance = 64;

  /// `boundaries` ascend, each at most `prompt_tokens`. The end of a prompt needs no stop.
  PromptStops(std::span<const int64_t> boundaries, int64_t prompt_tokens);

  /// One more, wherever the others are.
  void Add(int64_t position) { positions_.insert(position); }

  /// The first stop after `position`; there always is one.
  int64_t FindNext(int64_t position) const;
  bool Contains(int64_t position) const;

 private:
  std::set<int64_t> positions_;
};

}  // namespace fathom::engine
