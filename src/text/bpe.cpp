#include "text/bpe.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace fathom::text {
namespace {

constexpr uint64_t kNoPair = UINT64_MAX;
constexpr uint32_t kNone = UINT32_MAX;

uint64_t PackPair(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

size_t HashPair(uint64_t pair, int shift) { return (pair * 0x9E3779B97F4A7C15u) >> shift; }

}  // namespace

Bpe::Bpe(const std::array<int32_t, 256>& byte_tokens, const std::vector<MergeRule>& merges)
    : byte_tokens_(byte_tokens) {
  const size_t slots = std::bit_ceil(std::max<size_t>(2 * merges.size(), 2));
  slots_.assign(slots, {kNoPair, 0, 0});
  shift_ = 64 - std::countr_zero(slots);
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    Insert(merges[rank], static_cast<uint32_t>(rank));
  }
}

void Bpe::Insert(const MergeRule& rule, uint32_t rank) {
  const uint64_t pair = PackPair(rule.left, rule.right);
  size_t at = HashPair(pair, shift_);
  while (slots_[at].pair != kNoPair && slots_[at].pair != pair) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = {pair, rank, rule.merged};
}

const Bpe::Slot* Bpe::FindMerge(int32_t left, int32_t right) const {
  const uint64_t pair = PackPair(left, right);
  size_t at = HashPair(pair, shift_);
  while (slots_[at].pair != pair) {
    if (slots_[at].pair == kNoPair) return nullptr;
    at = (at + 1) & (slots_.size() - 1);
  }
  return &slots_[at];
}

void Bpe::Encode(std::string_view piece, BpeScratch& scratch, std::vector<int32_t>& ids) const {
  FATHOM_CHECK(piece.size() <= kMaxPieceBytes);
  if (piece.empty()) return;
  auto& symbols = scratch.symbols_;
  const auto size = static_cast<uint32_t>(piece.size());
  symbols.resize(size);
  for (uint32_t i = 0; i < size; ++i) {
    const int32_t id = byte_tokens_[static_cast<uint8_t>(piece[i])];
    symbols[i] = {id, i + 1 == size ? kNone : i + 1, i == 0 ? kNone : i - 1};
  }
  MergeAll(scratch);
  for (uint32_t i = 0; i != kNone; i = symbols[i].next) ids.push_back(symbols[i].id);
}

void Bpe::PushPair(uint32_t left, BpeScratch& scratch) const {
  const auto& symbol = scratch.symbols_[left];
  if (symbol.next == kNone) return;
  const Slot* const merge = FindMerge(symbol.id, scratch.symbols_[symbol.next].id);
  if (merge == nullptr) return;
  scratch.heap_.push_back(static_cast<uint64_t>(merge->rank) << 32 | left);
  std::push_heap(scratch.heap_.begin(), scratch.heap_.end(), std::greater<>());
}

void Bpe::MergeAll(BpeScratch& scratch) const {
  auto& symbols = scratch.symbols_;
  auto& heap = scratch.heap_;
  heap.clear();
  for (uint32_t i = 0; i + 1 < symbols.size(); ++i) PushPair(i, scratch);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    const auto at = static_cast<uint32_t>(heap.back());
    const auto rank = static_cast<uint32_t>(heap.back() >> 32);
    heap.pop_back();
    // Entries are never taken out early: one whose symbols have since changed is told by its rank.
    auto& left = symbols[at];
    if (left.next == kNone) continue;
    auto& right = symbols[left.next];
    const Slot* const merge = FindMerge(left.id, right.id);
    if (merge == nullptr || merge->rank != rank) continue;
    left.id = merge->merged;
    left.next = right.next;
    right.next = kNone;
    if (left.next != kNone) symbols[left.next].previous = at;
    if (left.previous != kNone) PushPair(left.previous, scratch);
    PushPair(at, scratch);
  }
}

}  // namespace fathom::text
