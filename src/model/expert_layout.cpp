#include "model/expert_layout.h"

#include <algorithm>
#include <numeric>

namespace fathom::model {
namespace {

constexpr uint64_t kBlock = base::OpenFile::kDirectBlock;

uint64_t RoundDown(uint64_t offset) { return offset / kBlock * kBlock; }
uint64_t RoundUp(uint64_t offset) { return RoundDown(offset + kBlock - 1); }

}  // namespace

uint64_t FileStretch::bytes() const { return RoundUp(end) - begin; }

ExpertLayout PlanExpert(const StoredExpert& expert) {
  std::array<size_t, 6> order{};
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, {},
                    [&](size_t i) { return std::pair(expert[i]->file, expert[i]->offset); });
  ExpertLayout layout;
  for (const size_t i : order) {
    const checkpoint::StoredTensor& tensor = *expert[i];
    FileStretch* last = layout.stretches.empty() ? nullptr : &layout.stretches.back();
    if (last == nullptr || last->file != tensor.file ||
        RoundDown(tensor.offset) > RoundUp(last->end)) {
      layout.stretches.push_back({tensor.file, RoundDown(tensor.offset), 0, layout.slot_bytes});
      last = &layout.stretches.back();
    }
    last->end = tensor.offset + tensor.bytes();
    layout.tensor_offsets[i] = last->slot_offset + (tensor.offset - last->begin);
    layout.slot_bytes = last->slot_offset + last->bytes();
  }
  return layout;
}

ExpertWeights BindExpert(const ExpertWeights& shape, const ExpertLayout& layout,
                         const std::byte* slot) {
  ExpertWeights expert = shape;
  size_t tensor = 0;
  for (WeightMatrix* matrix : {&expert.w1, &expert.w2, &expert.w3}) {
    matrix->data = slot + layout.tensor_offsets[tensor++];
    matrix->scales = reinterpret_cast<const uint8_t*>(slot + layout.tensor_offsets[tensor++]);
  }
  return expert;
}

}  // namespace fathom::model
