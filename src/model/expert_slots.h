// Which experts are in a cache of so many slots, and which one makes room for another. Bookkeeping
// alone: what is in the slots is the caller's business. docs/design/experts.md says why so.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace fathom::model {

/// An expert is a number in [0, experts), those of a layer in a row. A slot is empty, or is being
/// filled with an expert, or holds it.
class ExpertSlots {
 public:
  ExpertSlots(int64_t slots, int64_t experts);

  /// Forgets which experts are wanted, and counts the pass before as history.
  void BeginPass();

  /// The slot that an expert has, filled or not.
  std::optional<size_t> Find(int64_t expert) const;
  bool IsFilled(size_t slot) const { return slots_[slot].state == State::kFilled; }
  int64_t ExpertIn(size_t slot) const { return slots_[slot].expert; }

  /// An empty slot, else the one whose expert is the least likely to be missed: the coldest one as
  /// of the beginning of the pass; of equally cold ones that which was used last, because layers
  /// come round in the same order. Experts that are pinned, or being filled in, stay; so do wanted
  /// ones, unless nothing else is left and `even_wanted`. None if nothing may go.
  std::optional<size_t> FindRoom(bool even_wanted) const;

  /// Gives the slot to an expert, which is wanted then. Whoever had it has none.
  void BeginFill(size_t slot, int64_t expert);
  void EndFill(size_t slot) { slots_[slot].state = State::kFilled; }
  /// Empties a slot.
  void Clear(size_t slot);

  /// Marks an expert as wanted in this pass: it stays until it is used.
  void Want(size_t slot) { slots_[slot].is_wanted = true; }
  /// Notes that `tokens` tokens use the expert now, and pins it. REQUIRES: filled.
  void Use(size_t slot, int64_t tokens);
  void UnpinAll();

  /// Slots filled, or being filled, in this pass for experts that were not used since.
  int64_t filled_ahead() const { return filled_ahead_; }
  int64_t slots() const { return static_cast<int64_t>(slots_.size()); }

 private:
  enum class State : uint8_t { kEmpty, kFilling, kFilled };
  struct Slot {
    int64_t expert = 0;
    State state = State::kEmpty;
    bool is_wanted = false;
    bool is_pinned = false;
    bool is_ahead = false;  // counted in filled_ahead_
    uint64_t used_at = 0;
  };

  bool IsColder(const Slot& a, const Slot& b) const;
  void SetAhead(Slot& slot, bool is_ahead);

  std::vector<Slot> slots_;
  std::vector<size_t> pinned_;
  std::vector<int32_t> slot_of_;  // of each expert; -1: none
  std::vector<float> heat_;       // tokens that used an expert in earlier passes, fading
  std::vector<int32_t> in_pass_;  // tokens that used it in this one
  int64_t filled_ahead_ = 0;
  uint64_t uses_ = 0;
};

}  // namespace fathom::model
