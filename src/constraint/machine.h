// Runs a grammar over symbols.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "constraint/grammar.h"

namespace fathom::constraint {

/// One way in which what was read can be understood: a node, the register of its rule, and the
/// calls around it.
struct Thread {
  NodeId node = 0;
  uint32_t stack = 0;
  uint64_t data = 0;

  bool operator==(const Thread&) const = default;
  auto operator<=>(const Thread&) const = default;
};

/// The automaton of a grammar with its states made as they are needed: stacks and sets of threads
/// have numbers, and where a symbol leads is found once. One thread at a time uses a machine.
class Machine {
 public:
  using State = uint32_t;
  /// What no further symbol can make right.
  static constexpr State kDead = 0;

  /// `grammar` is finished and outlives this.
  explicit Machine(const Grammar& grammar);

  /// The state before a rule that begins at `node` and is called by nobody. `depth` calls count as
  /// made already.
  State Begin(NodeId node, uint64_t data = 0, uint32_t depth = 0);
  State Next(State state, Symbol symbol) {
    const State next = next_[PlaceOf(state, symbol)];
    return next != kUnknown ? next : FindNext(state, symbol);
  }
  /// Whether the outermost rule may end here.
  bool MayEnd(State state) const { return states_[state].may_end; }
  /// The node of the only thread; nothing if there are several or none.
  std::optional<NodeId> OnlyNode(State state) const {
    const NodeId node = states_[state].only_node;
    return node == kSeveral ? std::nullopt : std::optional(node);
  }
  /// The state once the rule of the thread has ended; `thread` is one of threads(...).
  State Return(const Thread& thread);

  /// Ascending. REQUIRES: nothing is done with the machine while they are looked at.
  std::span<const Thread> threads(State state) const { return states_[state].threads; }
  uint32_t DepthOf(const Thread& thread) const { return frames_[thread.stack].depth; }
  const Grammar& grammar() const { return grammar_; }

  /// Some megabytes; those who have made more should Forget.
  static constexpr size_t kManyStates = size_t{1} << 12;
  size_t state_count() const { return states_.size(); }
  /// Forgets all states but one, whose new number it returns.
  State Forget(State kept);

 private:
  static constexpr State kUnknown = UINT32_MAX;
  static constexpr NodeId kSeveral = UINT32_MAX;

  // Where a call returns to. The first kMaxDepth + 1 frames are the bottoms of stacks.
  struct Frame {
    uint32_t parent = 0;
    NodeId after = 0;
    uint64_t data = 0;
    uint32_t depth = 0;
    bool operator==(const Frame&) const = default;
  };
  struct StateData {
    std::vector<Thread> threads;
    bool may_end = false;
    NodeId only_node = kSeveral;
  };
  struct Hash {
    size_t operator()(const Thread& thread) const;
    size_t operator()(const Frame& frame) const;
    size_t operator()(const std::vector<Thread>& threads) const;
  };

  size_t PlaceOf(State state, Symbol symbol) const {
    return (size_t{state} << row_bits_) + grammar_.ClassOf(symbol);
  }
  void Clear();
  State FindNext(State state, Symbol symbol);
  void Visit(const Thread& thread);
  void VisitBranches(const Thread& thread);
  State Settle();
  State Intern(std::vector<Thread> threads);
  uint32_t Push(const Frame& frame);
  bool IsBottom(uint32_t stack) const { return stack <= Grammar::kMaxDepth; }

  const Grammar& grammar_;
  std::vector<Frame> frames_;
  std::unordered_map<Frame, uint32_t, Hash> frame_numbers_;
  std::vector<StateData> states_;
  // A row for each state, of the classes of symbols. A walk of the vocabulary is a chain of these
  // look-ups, each of which waits for the one before: one load, and no product, to find the next.
  std::vector<State> next_;
  int row_bits_ = 0;  // of its length
  std::unordered_map<std::vector<Thread>, State, Hash> state_numbers_;
  // Of the state that is being made.
  std::vector<Thread> pending_;
  std::unordered_set<Thread, Hash> visited_;
  std::vector<Thread> found_;
};

}  // namespace fathom::constraint
