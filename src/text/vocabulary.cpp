#include "text/vocabulary.h"

#include <functional>
#include <utility>

namespace fathom::text {

void Vocabulary::Add(int32_t id, std::string_view bytes) {
  FATHOM_CHECK(id >= 0 && id < kMaxIds && !Has(id));
  if (id >= size()) tokens_.resize(static_cast<size_t>(id) + 1);
  FATHOM_CHECK(bytes_.size() + bytes.size() <= UINT32_MAX);
  tokens_[static_cast<size_t>(id)] = {static_cast<uint32_t>(bytes_.size()),
                                      static_cast<uint32_t>(bytes.size()), true};
  bytes_.append(bytes);
}

void Vocabulary::Index(int32_t id) {
  if (2 * (indexed_ + 1) > slots_.size()) GrowIndex();
  int32_t& slot = slots_[FindSlot(BytesOf(id))];
  if (slot != kFree) return;
  slot = id;
  ++indexed_;
}

std::optional<int32_t> Vocabulary::Find(std::string_view bytes) const {
  if (slots_.empty()) return std::nullopt;
  const int32_t id = slots_[FindSlot(bytes)];
  if (id == kFree) return std::nullopt;
  return id;
}

size_t Vocabulary::FindSlot(std::string_view bytes) const {
  const size_t mask = slots_.size() - 1;
  size_t at = std::hash<std::string_view>()(bytes) & mask;
  while (slots_[at] != kFree && BytesOf(slots_[at]) != bytes) at = (at + 1) & mask;
  return at;
}

void Vocabulary::GrowIndex() {
  const std::vector<int32_t> old =
      std::exchange(slots_, std::vector<int32_t>(slots_.empty() ? 1024 : 2 * slots_.size(), kFree));
  for (const int32_t id : old) {
    if (id != kFree) slots_[FindSlot(BytesOf(id))] = id;
  }
}

}  // namespace fathom::text
