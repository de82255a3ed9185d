// The tokens of a tokenizer: what bytes each id stands for, and the way back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"

namespace fathom::text {

/// Ids and their bytes. Ids may have gaps. Built once, then read from any thread.
class Vocabulary {
 public:
  /// Ids lie in [0, kMaxIds).
  static constexpr int64_t kMaxIds = int64_t{1} << 24;

  /// Gives `id` its bytes. REQUIRES: id in range and not yet given.
  void Add(int32_t id, std::string_view bytes);

  /// Lets Find return `id` for its bytes. The first id indexed for some bytes stays.
  void Index(int32_t id);

  /// One past the highest id.
  int32_t size() const { return static_cast<int32_t>(tokens_.size()); }
  bool Has(int64_t id) const {
    return id >= 0 && id < size() && tokens_[static_cast<size_t>(id)].known;
  }

  /// The bytes of a token. REQUIRES: Has(id).
  std::string_view BytesOf(int32_t id) const {
    FATHOM_DCHECK(Has(id));
    const Token& token = tokens_[static_cast<size_t>(id)];
    return std::string_view(bytes_).substr(token.begin, token.length);
  }

  /// The indexed token that stands for exactly these bytes.
  std::optional<int32_t> Find(std::string_view bytes) const;

 private:
  struct Token {
    uint32_t begin = 0;
    uint32_t length = 0;
    bool known = false;
  };

  static constexpr int32_t kFree = -1;

  size_t FindSlot(std::string_view bytes) const;
  void GrowIndex();

  std::string bytes_;  // of all tokens, end to end
  std::vector<Token> tokens_;
  std::vector<int32_t> slots_;  // open addressing with linear probing, at most half full
  size_t indexed_ = 0;
};

}  // namespace fathom::text
