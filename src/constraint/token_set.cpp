#include "constraint/token_set.h"

#include <bit>
#include <utility>

namespace fathom::constraint {
namespace {

// As large as a mask of 16 KB would be an eighth of.
constexpr size_t kFew = 512;

}  // namespace

TokenSet::TokenSet(std::span<const uint64_t> mask) {
  size_t count = 0;
  for (const uint64_t word : mask) count += static_cast<size_t>(std::popcount(word));
  if (count > kFew) {
    mask_.assign(mask.begin(), mask.end());
    return;
  }
  tokens_.reserve(count);
  for (size_t i = 0; i < mask.size(); ++i) {
    for (uint64_t word = mask[i]; word != 0; word &= word - 1)
      tokens_.push_back(static_cast<int32_t>(i * 64) + std::countr_zero(word));
  }
}

TokenSet::TokenSet(std::vector<int32_t> tokens, size_t words) {
  if (tokens.size() <= kFew) {
    tokens_ = std::move(tokens);
    return;
  }
  mask_.resize(words);
  SetTokens(tokens, mask_);
}

void TokenSet::AddTo(MaskWords mask) const {
  const size_t words = std::min(mask.size(), mask_.size());
  for (size_t i = 0; i < words; ++i) mask[i] |= mask_[i];
  SetTokens(tokens_, mask);
}

}  // namespace fathom::constraint
