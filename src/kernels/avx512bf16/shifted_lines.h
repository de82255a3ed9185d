// Rows that begin anywhere, read in whole lines of the cache.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/avx512/vec.h"
#include "kernels/simd/row_lines.inl.h"

namespace fathom::kernels::avx512bf16 {
namespace {

/// As simd::RowLines, but each 64 bytes are put together of two aligned loads, of which the second
/// is the next step's first. A load that touches two lines takes two turns: a row of a checkpoint
/// begins wherever the tensor before it has ended, and one of E4M3 was read at 48 GB/s where it
/// began in the middle of a line, so at 61, and at 65 where it began with one (two cores of a Zen
/// 5).
template <int kRows, simd::Ahead kAhead>
class ShiftedLines {
 public:
  /// REQUIRES: row_bytes % 64 == 0.
  ShiftedLines(const std::byte* rows, int64_t row_bytes)
      : row_bytes_(row_bytes),
        shift_(static_cast<int64_t>(reinterpret_cast<uintptr_t>(rows) % 64)),
        line_(rows - shift_),
        left_(row_bytes + shift_),
        order_(
            _mm512_add_epi8(_mm512_load_si512(kIota), _mm512_set1_epi8(static_cast<char>(shift_)))),
        early_(rows, row_bytes) {
    const __mmask64 own = ~uint64_t{0} << shift_;
    for (int r = 0; r < kRows; ++r)
      before_[r] = _mm512_maskz_loadu_epi8(own, line_ + r * row_bytes_);
  }

  /// The next 64 bytes of each row. REQUIRES: there are any.
  void Next(I32x16* bytes) {
    early_.Next();
    line_ += 64;
    left_ -= 64;
    // Of the line behind the last one only what is the row's: nothing, if rows are aligned.
    const __mmask64 own = left_ >= 64 ? ~uint64_t{0} : (uint64_t{1} << left_) - 1;
    for (int r = 0; r < kRows; ++r) {
      const __m512i line = _mm512_maskz_loadu_epi8(own, line_ + r * row_bytes_);
      bytes[r] = {_mm512_permutex2var_epi8(before_[r], order_, line)};
      before_[r] = line;
    }
  }

 private:
  alignas(64) static constexpr uint8_t kIota[64] = {
      0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
      22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
      44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

  int64_t row_bytes_;
  int64_t shift_;          // of the rows behind the line in which they begin
  const std::byte* line_;  // of the first row
  int64_t left_;           // bytes from there to the row's end
  __m512i order_;          // of the wanted bytes in two lines
  simd::RowLines<simd::Touch, kRows, kAhead> early_;
  __m512i before_[kRows];
};

}  // namespace
}  // namespace fathom::kernels::avx512bf16
