#include "model/batch.h"

#include "base/check.h"

namespace fathom::model {

Batch::Batch(int64_t max_tokens, int64_t rope_dim)
    : rotations_(max_tokens, rope_dim / 2 * 6), pairs_(rope_dim / 2) {
  runs_.reserve(static_cast<size_t>(max_tokens));
  ids_.reserve(static_cast<size_t>(max_tokens));
  positions_.reserve(static_cast<size_t>(max_tokens));
}

void Batch::Assign(std::span<const Slice> slices, int64_t layer) {
  runs_.clear();
  ids_.clear();
  positions_.clear();
  for (const Slice& slice : slices) {
    const auto count = static_cast<int64_t>(slice.tokens.size());
    const int64_t first = slice.cache->length(layer);
    runs_.push_back({slice.cache, tokens(), count, first});
    for (int64_t i = 0; i < count; ++i) positions_.push_back(first + i);
    ids_.insert(ids_.end(), slice.tokens.begin(), slice.tokens.end());
  }
  FATHOM_CHECK(tokens() <= rotations_.rows());
}

void Batch::Rotate(const Rope& window, const Rope& compressed) {
  for (int64_t t = 0; t < tokens(); ++t) {
    float* out = rotations_.row(t);
    for (const Rope* rope : {&window, &compressed}) {
      rope->Rotation(position(t), out, out + pairs_);
      for (int64_t i = 0; i < pairs_; ++i) out[2 * pairs_ + i] = -out[pairs_ + i];
      out += 3 * pairs_;
    }
  }
}

Batch::Rotation Batch::rotation(int64_t token, bool compressed) const {
  const float* base = rotations_.row(token) + (compressed ? 3 * pairs_ : 0);
  return {base, base + pairs_, base + 2 * pairs_};
}

}  // namespace fathom::model
