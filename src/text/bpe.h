// Byte-pair encoding: a piece of text, byte by byte, merged pair by pair in the order of rank.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/vocabulary.h"

namespace fathom::text {

/// Two tokens that become one. Earlier rules go first.
struct MergeRule {
  int32_t left = 0;
  int32_t right = 0;
  int32_t merged = 0;
};

/// The memory of one thread's encoding.
class BpeScratch {
 private:
  friend class Bpe;

  struct Symbol {
    int32_t id;
    uint32_t next;
    uint32_t previous;
  };
  std::vector<Symbol> symbols_;
  std::vector<uint64_t> heap_;  // rank << 32 | position of the left symbol
};

/// Merges bytes to tokens. Const use is safe from many threads.
class Bpe {
 public:
  /// The longest piece that Encode takes.
  static constexpr size_t kMaxPieceBytes = size_t{1} << 31;

  /// `byte_tokens`: the token of each single byte. `merges`: by rank; of two rules for one pair the
  /// later counts.
  Bpe(const std::array<int32_t, 256>& byte_tokens, const std::vector<MergeRule>& merges);

  /// Appends the tokens of `piece` to `ids`: O(n log n) in its bytes. At equal rank the leftmost
  /// pair merges first. REQUIRES: at most kMaxPieceBytes.
  void Encode(std::string_view piece, BpeScratch& scratch, std::vector<int32_t>& ids) const;

 private:
  struct Slot {
    uint64_t pair;
    uint32_t rank;
    int32_t merged;
  };

  const Slot* FindMerge(int32_t left, int32_t right) const;
  void Insert(const MergeRule& rule, uint32_t rank);
  void PushPair(uint32_t left, BpeScratch& scratch) const;
  void MergeAll(BpeScratch& scratch) const;

  std::array<int32_t, 256> byte_tokens_;
  std::vector<Slot> slots_;  // open addressing with linear probing, at most half full
  int shift_ = 0;            // of the hash, so that its top bits index slots_
};

}  // namespace fathom::text
