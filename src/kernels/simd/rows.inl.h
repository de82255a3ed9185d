// KV rows and the compressor's pooling.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>

#include "kernels/kernel_table.h"
#include "kernels/simd/formats.inl.h"
#include "kernels/simd/math.inl.h"

namespace fathom::kernels::simd {

template <class F>
void PackRow(const float* row, RowLayout layout, std::byte* out) noexcept {
  auto* codes = reinterpret_cast<uint8_t*>(out);
  const int64_t code_count = layout.head_dim - layout.rope_dim;
  const int64_t scale_count = code_count / numerics::kRowBlock;
  uint8_t* scales = codes + code_count;
  for (int64_t block = 0; block < scale_count; ++block) {
    const int64_t begin = block * numerics::kRowBlock;
    typename F::Ints block_codes[numerics::kRowBlock / 16];
    scales[block] = QuantizeE4m3Block<F>(row + begin, numerics::kRowBlock, block_codes);
    for (int i = 0; i < numerics::kRowBlock / 16; ++i)
      block_codes[i].StoreBytes(codes + begin + 16 * i);
  }
  const int64_t rope_offset = layout.rope_offset();
  std::memset(scales + scale_count, 0, static_cast<size_t>(rope_offset - code_count - scale_count));
  for (int64_t i = 0; i < layout.rope_dim; i += 16)
    RoundToBf16<F>(F::Load(row + code_count + i)).StoreWords(out + rope_offset + 2 * i);
}

/// The upper halves of `first` and `second` as the low and high halves of dwords.
template <class F>
typename F::Ints JoinBf16(F first, F second) {
  using I = typename F::Ints;
  return ShiftRight<16>(BitsOf(first)) | (BitsOf(second) & I::Broadcast(INT32_MIN >> 15));
}

template <class F>
void ExpandRows(const std::byte* const* rows, int64_t count, RowLayout layout,
                std::byte* out) noexcept {
  const int64_t code_count = layout.head_dim - layout.rope_dim;
  for (int64_t r = 0; r < count; ++r) {
    const auto* codes = reinterpret_cast<const uint8_t*>(rows[r]);
    for (int64_t i = 0; i < code_count; i += 32, out += 64) {
      const uint8_t code_scale = codes[code_count + i / numerics::kRowBlock];
      const F scale = F::Broadcast(numerics::Ue8m0ToFloat(code_scale));
      const F first = DecodeE4m3<F>(F::Ints::LoadBytes(codes + i)) * scale;
      const F second = DecodeE4m3<F>(F::Ints::LoadBytes(codes + i + 16)) * scale;
      JoinBf16(first, second).StoreRaw(out);
    }
    const std::byte* rope = rows[r] + layout.rope_offset();
    for (int64_t i = 0; i < layout.rope_dim; i += 32, out += 64) {
      const bool whole = i + 32 <= layout.rope_dim;
      const F second = whole ? F::LoadBf16(rope + 2 * i + 32) : F::Zero();
      JoinBf16(F::LoadBf16(rope + 2 * i), second).StoreRaw(out);
    }
  }
}

template <class F>
void Pool(const float* const* values, const float* const* scores, int64_t slots, int64_t width,
          float* out) noexcept {
  for (int64_t c = 0; c < width; c += 16) {
    F max = F::Broadcast(-std::numeric_limits<float>::infinity());
    for (int64_t s = 0; s < slots; ++s) max = Max(max, F::Load(scores[s] + c));
    F sum = F::Zero();
    F weighted = F::Zero();
    for (int64_t s = 0; s < slots; ++s) {
      const F e = Exp(F::Load(scores[s] + c) - max);
      sum = sum + e;
      weighted = MulAdd(e, F::Load(values[s] + c), weighted);
    }
    (weighted / sum).Store(out + c);
  }
}

}  // namespace fathom::kernels::simd
