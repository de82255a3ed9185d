// Sets of the tokens of a vocabulary.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace fathom::constraint {

/// A bit for each token of the vocabulary: id i is bit i % 64 of word i / 64.
using MaskWords = std::span<uint64_t>;

inline size_t CountMaskWords(int64_t vocab_size) {
  return static_cast<size_t>((vocab_size + 63) / 64);
}

/// Tokens beyond the end of the mask are left out.
inline void SetToken(int32_t token, MaskWords mask) {
  const auto id = static_cast<size_t>(token);
  if (id / 64 < mask.size()) mask[id / 64] |= uint64_t{1} << (id % 64);
}

inline void SetTokens(std::span<const int32_t> tokens, MaskWords mask) {
  for (const int32_t token : tokens) SetToken(token, mask);
}

/// A set that is small if it has few tokens.
class TokenSet {
 public:
  TokenSet() = default;
  explicit TokenSet(std::span<const uint64_t> mask);
  /// Of a vocabulary with masks of so many words.
  TokenSet(std::vector<int32_t> tokens, size_t words);

  void AddTo(MaskWords mask) const;

  /// In bytes.
  size_t size() const {
    return mask_.size() * sizeof(mask_[0]) + tokens_.size() * sizeof(tokens_[0]);
  }

 private:
  std::vector<uint64_t> mask_;   // of many
  std::vector<int32_t> tokens_;  // of few
};

}  // namespace fathom::constraint
