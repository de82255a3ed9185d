#include "constraint/machine.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <utility>

namespace fathom::constraint {
namespace {

uint64_t MixIn(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
  return hash ^ (hash >> 29);
}

bool HasBit(uint64_t set, uint64_t bit) { return (set >> bit & 1) != 0; }

// The register after the branch, or nothing if the branch is closed.
std::optional<uint64_t> PassTest(const Branch& branch, uint64_t data) {
  const auto pass_if = [](bool holds, uint64_t after) {
    return holds ? std::optional(after) : std::nullopt;
  };
  switch (branch.test) {
    case Test::kNone:
      return data;
    case Test::kMark:
      return pass_if(!HasBit(data, branch.operand), data | uint64_t{1} << branch.operand);
    case Test::kSomeUnmarked:
      return pass_if((branch.operand & ~data) != 0, data);
    case Test::kAllMarked:
      return pass_if((branch.operand & ~data) == 0, data);
    case Test::kCountBelow:
      return pass_if(data < branch.operand, data + 1);
    case Test::kCountUpTo:
      return std::min(data + 1, branch.operand);
    case Test::kCountAtLeast:
      return pass_if(data >= branch.operand, data);
  }
  return std::nullopt;
}

}  // namespace

size_t Machine::Hash::operator()(const Thread& thread) const {
  return MixIn(MixIn(thread.node, thread.stack), thread.data);
}

size_t Machine::Hash::operator()(const Frame& frame) const {
  return MixIn(MixIn(MixIn(frame.parent, frame.after), frame.data), frame.depth);
}

size_t Machine::Hash::operator()(const std::vector<Thread>& threads) const {
  uint64_t hash = threads.size();
  for (const Thread& thread : threads) hash = MixIn(hash, (*this)(thread));
  return hash;
}

Machine::Machine(const Grammar& grammar)
    : grammar_(grammar), row_bits_(std::bit_width(grammar.class_count() - 1)) {
  Clear();
}

void Machine::Clear() {
  frames_.clear();
  frame_numbers_.clear();
  states_.clear();
  next_.clear();
  state_numbers_.clear();
  for (uint32_t depth = 0; depth <= Grammar::kMaxDepth; ++depth) {
    frames_.push_back({.depth = depth});
  }
  Intern({});
}

Machine::State Machine::Begin(NodeId node, uint64_t data, uint32_t depth) {
  pending_.push_back({node, depth, data});
  return Settle();
}

Machine::State Machine::Return(const Thread& thread) {
  pending_.push_back({grammar_.end(), thread.stack, 0});
  return Settle();
}

Machine::State Machine::FindNext(State state, Symbol symbol) {
  for (const Thread& thread : states_[state].threads) {
    for (const Edge& edge : grammar_.node(thread.node).edges) {
      if (edge.first <= symbol && symbol <= edge.last) {
        pending_.push_back({edge.target, thread.stack, thread.data});
      }
    }
  }
  const State next = Settle();
  next_[PlaceOf(state, symbol)] = next;
  return next;
}

// Follows what consumes nothing, from all pending threads.
Machine::State Machine::Settle() {
  visited_.clear();
  found_.clear();
  while (!pending_.empty()) {
    const Thread thread = pending_.back();
    pending_.pop_back();
    const uint32_t depth = frames_[thread.stack].depth;
    // What is nested so deep that it could not be ended any more is not begun.
    if (depth + grammar_.node(thread.node).height > Grammar::kMaxDepth) continue;
    if (visited_.insert(thread).second) Visit(thread);
  }
  std::sort(found_.begin(), found_.end());
  return Intern(found_);
}

void Machine::Visit(const Thread& thread) {
  const Node& node = grammar_.node(thread.node);
  switch (node.kind) {
    case Node::Kind::kConsume:
      found_.push_back(thread);
      return;
    case Node::Kind::kFork:
      VisitBranches(thread);
      return;
    case Node::Kind::kCall: {
      const uint32_t depth = frames_[thread.stack].depth + 1;
      const uint32_t stack = Push({thread.stack, node.after, thread.data, depth});
      pending_.push_back({node.callee, stack, 0});
      return;
    }
    case Node::Kind::kReturn:
      if (IsBottom(thread.stack)) {
        found_.push_back(thread);
      } else {
        const Frame& frame = frames_[thread.stack];
        pending_.push_back({frame.after, frame.parent, frame.data});
      }
      return;
  }
}

void Machine::VisitBranches(const Thread& thread) {
  for (const Branch& branch : grammar_.node(thread.node).branches) {
    if (const std::optional<uint64_t> data = PassTest(branch, thread.data)) {
      pending_.push_back({branch.target, thread.stack, *data});
    }
  }
}

Machine::State Machine::Intern(std::vector<Thread> threads) {
  const auto [place, is_new] = state_numbers_.emplace(threads, static_cast<State>(states_.size()));
  if (!is_new) return place->second;
  const bool may_end = std::any_of(threads.begin(), threads.end(), [&](const Thread& thread) {
    return grammar_.node(thread.node).kind == Node::Kind::kReturn;
  });
  // Nothing leads out of the dead state.
  const State next = threads.empty() ? kDead : kUnknown;
  const NodeId only = threads.size() == 1 ? threads[0].node : kSeveral;
  states_.push_back({std::move(threads), may_end, only});
  next_.resize(states_.size() << row_bits_, next);
  return place->second;
}

uint32_t Machine::Push(const Frame& frame) {
  const auto [place, is_new] = frame_numbers_.emplace(frame, static_cast<uint32_t>(frames_.size()));
  if (is_new) frames_.push_back(frame);
  return place->second;
}

Machine::State Machine::Forget(State kept) {
  const std::vector<Thread> threads = states_[kept].threads;
  std::vector<std::vector<Frame>> stacks;  // of each thread, innermost first
  for (const Thread& thread : threads) {
    std::vector<Frame>& stack = stacks.emplace_back();
    for (uint32_t at = thread.stack; !IsBottom(at); at = frames_[at].parent) {
      stack.push_back(frames_[at]);
    }
  }
  Clear();
  for (size_t i = 0; i < threads.size(); ++i) {
    uint32_t stack = 0;
    for (size_t level = stacks[i].size(); level-- > 0;) {
      Frame frame = stacks[i][level];
      frame.parent = stack;
      stack = Push(frame);
    }
    pending_.push_back({threads[i].node, stack, threads[i].data});
  }
  return Settle();
}

}  // namespace fathom::constraint
