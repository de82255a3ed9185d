#include "model/expert_slots.h"

#include "base/check.h"

namespace fathom::model {
namespace {

// Heat halves in 64 passes: what a text is about lasts about that many tokens.
constexpr float kFading = 0.98923f;

}  // namespace

ExpertSlots::ExpertSlots(int64_t slots, int64_t experts)
    : slots_(static_cast<size_t>(slots)),
      slot_of_(static_cast<size_t>(experts), -1),
      heat_(static_cast<size_t>(experts)),
      in_pass_(static_cast<size_t>(experts)) {}

void ExpertSlots::BeginPass() {
  for (Slot& slot : slots_) slot.is_wanted = slot.is_ahead = false;
  filled_ahead_ = 0;
  for (size_t e = 0; e < heat_.size(); ++e) {
    heat_[e] = heat_[e] * kFading + static_cast<float>(in_pass_[e]);
    in_pass_[e] = 0;
  }
}

std::optional<size_t> ExpertSlots::Find(int64_t expert) const {
  const int32_t slot = slot_of_[static_cast<size_t>(expert)];
  return slot < 0 ? std::nullopt : std::optional(static_cast<size_t>(slot));
}

bool ExpertSlots::IsColder(const Slot& a, const Slot& b) const {
  if (a.is_wanted != b.is_wanted) return b.is_wanted;
  const float heat_a = heat_[static_cast<size_t>(a.expert)];
  const float heat_b = heat_[static_cast<size_t>(b.expert)];
  return heat_a != heat_b ? heat_a < heat_b : a.used_at > b.used_at;
}

std::optional<size_t> ExpertSlots::FindRoom(bool even_wanted) const {
  const Slot* coldest = nullptr;
  for (const Slot& slot : slots_) {
    if (slot.state == State::kEmpty) return &slot - slots_.data();
    if (slot.state == State::kFilling || slot.is_pinned) continue;
    if (slot.is_wanted && !even_wanted) continue;
    if (coldest == nullptr || IsColder(slot, *coldest)) coldest = &slot;
  }
  if (coldest == nullptr) return std::nullopt;
  return coldest - slots_.data();
}

void ExpertSlots::SetAhead(Slot& slot, bool is_ahead) {
  filled_ahead_ += int64_t{is_ahead} - int64_t{slot.is_ahead};
  slot.is_ahead = is_ahead;
}

void ExpertSlots::BeginFill(size_t index, int64_t expert) {
  FATHOM_CHECK(!Find(expert));
  Clear(index);
  Slot& slot = slots_[index];
  slot.expert = expert;
  slot.state = State::kFilling;
  slot.is_wanted = true;
  SetAhead(slot, true);
  slot_of_[static_cast<size_t>(expert)] = static_cast<int32_t>(index);
}

void ExpertSlots::Clear(size_t index) {
  Slot& slot = slots_[index];
  FATHOM_CHECK(!slot.is_pinned);
  if (slot.state != State::kEmpty) slot_of_[static_cast<size_t>(slot.expert)] = -1;
  SetAhead(slot, false);
  slot = {};
}

void ExpertSlots::Use(size_t index, int64_t tokens) {
  Slot& slot = slots_[index];
  FATHOM_CHECK(slot.state == State::kFilled);
  SetAhead(slot, false);
  slot.is_wanted = false;
  slot.used_at = ++uses_;
  if (!slot.is_pinned) pinned_.push_back(index);
  slot.is_pinned = true;
  in_pass_[static_cast<size_t>(slot.expert)] += static_cast<int32_t>(tokens);
}

void ExpertSlots::UnpinAll() {
  for (const size_t slot : pinned_) slots_[slot].is_pinned = false;
  pinned_.clear();
}

}  // namespace fathom::model
