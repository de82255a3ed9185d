// Sixteen lanes in one AVX-512 register: what simd/*.inl.h is written in. avx2/vec.h is its twin,
// function by function, and every function gives the same bits there.
//
// The namespace is unnamed so that each file that is compiled for AVX-512 owns its copy: nothing
// here can be linked into code that must run on lesser machines.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace fathom::kernels::avx512 {
namespace {

/// 16 int32, or 64 bytes.
struct I32x16 {
  __m512i v;

  static I32x16 Broadcast(int32_t x) { return {_mm512_set1_epi32(x)}; }
  /// All 64 bytes as they lie in memory.
  static I32x16 LoadRaw(const void* p) { return {_mm512_loadu_si512(p)}; }
  /// Four bytes, 16 times.
  static I32x16 BroadcastDword(const void* p) {
    int32_t dword;
    __builtin_memcpy(&dword, p, sizeof dword);
    return {_mm512_set1_epi32(dword)};
  }
  /// 16 bytes, 16 times over 4: a table for LookUpBytes.
  static I32x16 BroadcastTable(const void* p) {
    return {_mm512_broadcast_i32x4(_mm_loadu_si128(static_cast<const __m128i*>(p)))};
  }
  /// 16 bytes, zero-extended.
  static I32x16 LoadBytes(const void* p) {
    return {_mm512_cvtepu8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p)))};
  }
  /// 16 bytes, sign-extended.
  static I32x16 LoadSignedBytes(const void* p) {
    return {_mm512_cvtepi8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p)))};
  }
  /// 8 bytes: lane 2i holds the low nibble of byte i, lane 2i+1 the high one, in its low four bits.
  /// The other bits are arbitrary.
  static I32x16 LoadNibbles(const void* p) {
    const __m512i bytes = _mm512_cvtepu8_epi64(_mm_loadl_epi64(static_cast<const __m128i*>(p)));
    return {_mm512_or_si512(bytes, _mm512_slli_epi64(bytes, 28))};
  }
  /// The low bytes of the lanes.
  void StoreBytes(void* p) const {
    _mm_storeu_si128(static_cast<__m128i*>(p), _mm512_cvtepi32_epi8(v));
  }
  /// The low halves of the lanes.
  void StoreWords(void* p) const {
    _mm256_storeu_si256(static_cast<__m256i*>(p), _mm512_cvtepi32_epi16(v));
  }
  void StoreRaw(void* p) const { _mm512_storeu_si512(p, v); }
};

/// 16 float32.
struct F32x16 {
  using Ints = I32x16;

  /// Register tiles: rows and tokens of a matrix product with two sums each, heads and rows of
  /// attention.
  static constexpr int kTileRows = 4;
  static constexpr int kTileTokens = 3;
  static constexpr int kTileHeads = 4;
  /// Weight rows that are read side by side.
  static constexpr int kSideRows = 4;
  /// Tokens that one pass over the weight stream serves.
  static constexpr int kGroupTokens = 4;
  /// Tokens up to which rows are decoded again, from the cache, for each such group. Panels are
  /// slower: 8 tokens of BF16 weights 59 GMAC/s and 79, 16 as fast (two cores of a Zen 4).
  static constexpr int kDirectTokens = 8;

  __m512 v;

  static F32x16 Zero() { return {_mm512_setzero_ps()}; }
  static F32x16 Broadcast(float x) { return {_mm512_set1_ps(x)}; }
  static F32x16 Load(const void* p) { return {_mm512_loadu_ps(p)}; }
  static F32x16 LoadBf16(const void* p) {
    const __m256i words = _mm256_loadu_si256(static_cast<const __m256i*>(p));
    return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(words), 16))};
  }
  /// 8 floats, each in two neighbouring lanes.
  static F32x16 LoadDoubled(const float* p) {
    const __m512d spread = _mm512_castsi512_pd(
        _mm512_cvtepu32_epi64(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))));
    return {_mm512_moveldup_ps(_mm512_castpd_ps(spread))};
  }
  void Store(float* p) const { _mm512_storeu_ps(p, v); }
};

using Mask = __mmask16;

inline F32x16 operator+(F32x16 a, F32x16 b) { return {_mm512_add_ps(a.v, b.v)}; }
inline F32x16 operator-(F32x16 a, F32x16 b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline F32x16 operator*(F32x16 a, F32x16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline F32x16 operator/(F32x16 a, F32x16 b) { return {_mm512_div_ps(a.v, b.v)}; }
/// a * b + c, rounded once.
inline F32x16 MulAdd(F32x16 a, F32x16 b, F32x16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
/// b where either is NaN.
inline F32x16 Min(F32x16 a, F32x16 b) { return {_mm512_min_ps(a.v, b.v)}; }
inline F32x16 Max(F32x16 a, F32x16 b) { return {_mm512_max_ps(a.v, b.v)}; }

inline I32x16 BitsOf(F32x16 a) { return {_mm512_castps_si512(a.v)}; }
inline F32x16 FloatOf(I32x16 bits) { return {_mm512_castsi512_ps(bits.v)}; }
/// The nearest integers, ties to even.
inline I32x16 Round(F32x16 a) { return {_mm512_cvtps_epi32(a.v)}; }
inline F32x16 ToFloat(I32x16 a) { return {_mm512_cvtepi32_ps(a.v)}; }

inline I32x16 operator+(I32x16 a, I32x16 b) { return {_mm512_add_epi32(a.v, b.v)}; }
inline I32x16 operator-(I32x16 a, I32x16 b) { return {_mm512_sub_epi32(a.v, b.v)}; }
inline I32x16 operator&(I32x16 a, I32x16 b) { return {_mm512_and_si512(a.v, b.v)}; }
inline I32x16 operator|(I32x16 a, I32x16 b) { return {_mm512_or_si512(a.v, b.v)}; }
template <int kBits>
I32x16 ShiftLeft(I32x16 a) {
  return {_mm512_slli_epi32(a.v, kBits)};
}
/// Fills with zeros.
template <int kBits>
I32x16 ShiftRight(I32x16 a) {
  return {_mm512_srli_epi32(a.v, kBits)};
}
/// Fills with the sign.
template <int kBits>
I32x16 ShiftRightSigned(I32x16 a) {
  return {_mm512_srai_epi32(a.v, kBits)};
}
inline Mask Greater(I32x16 a, I32x16 b) { return _mm512_cmpgt_epi32_mask(a.v, b.v); }
/// Bit i: whether lane i of a is at least that of b.
inline uint32_t GreaterEqualBits(F32x16 a, F32x16 b) {
  return _mm512_cmp_ps_mask(a.v, b.v, _CMP_GE_OQ);
}
inline Mask Equal(I32x16 a, I32x16 b) { return _mm512_cmpeq_epi32_mask(a.v, b.v); }
inline I32x16 Select(Mask mask, I32x16 yes, I32x16 no) {
  return {_mm512_mask_blend_epi32(mask, no.v, yes.v)};
}

/// Keeps an operand of a tile in its register. GCC would load it from memory again for each use:
/// for a tile of 4 rows and 3 tokens with two sums, that made loads the limit and cost a third.
inline F32x16 Pinned(F32x16 a) {
  asm("" : "+v"(a.v));
  return a;
}

/// The values of E2M1 codes; bits above the low four are ignored.
inline F32x16 LookUpE2m1(I32x16 codes) {
  const __m512 values = _mm512_setr_ps(0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f, -0.0f, -0.5f,
                                       -1.0f, -1.5f, -2.0f, -3.0f, -4.0f, -6.0f);
  return {_mm512_permutexvar_ps(codes.v, values)};
}
/// table[byte] for 64 bytes below 16.
inline I32x16 LookUpBytes(I32x16 table, I32x16 bytes) {
  return {_mm512_shuffle_epi8(table.v, bytes.v)};
}
inline I32x16 MaxBytes(I32x16 a, I32x16 b) { return {_mm512_max_epu8(a.v, b.v)}; }
inline bool HasByte(I32x16 a, int8_t byte) {
  return _mm512_cmpeq_epi8_mask(a.v, _mm512_set1_epi8(byte)) != 0;
}

/// Dot products of groups of four bytes, unsigned by signed, into 16 lanes, and a number that is
/// added to each: Begin, Add up to 8 times, then Finish. REQUIRES: every sum of two products and
/// their total over the 8 steps fit int16.
struct ByteDots {
  static I32x16 Begin(int32_t) { return I32x16::Broadcast(0); }
  static I32x16 Add(I32x16 sum, I32x16 a, I32x16 b) {
    return {_mm512_add_epi16(sum.v, _mm512_maddubs_epi16(a.v, b.v))};
  }
  static I32x16 Finish(I32x16 sum, int32_t start) {
    return I32x16{_mm512_madd_epi16(sum.v, _mm512_set1_epi16(1))} + I32x16::Broadcast(start);
  }
};

/// Exchanges each lane i with lane i ^ kHalf; kHalf is 1, 2, 4 or 8.
template <int kHalf>
F32x16 SwapLanes(F32x16 a) {
  if constexpr (kHalf == 1) return {_mm512_permute_ps(a.v, 0xB1)};
  if constexpr (kHalf == 2) return {_mm512_permute_ps(a.v, 0x4E)};
  if constexpr (kHalf == 4) return {_mm512_shuffle_f32x4(a.v, a.v, 0xB1)};
  if constexpr (kHalf == 8) return {_mm512_shuffle_f32x4(a.v, a.v, 0x4E)};
}

/// The sum of the lanes: i + (i+8), then + 4, + 2, + 1.
inline float Sum(F32x16 a) {
  a = a + SwapLanes<8>(a);
  a = a + SwapLanes<4>(a);
  a = a + SwapLanes<2>(a);
  a = a + SwapLanes<1>(a);
  return _mm512_cvtss_f32(a.v);
}
/// out[i] = Sum(a[i]) for four vectors, the same bits at a third of the cost.
inline void StoreSums4(const F32x16* a, float* out) {
  const __m512 s01 = _mm512_add_ps(_mm512_shuffle_f32x4(a[0].v, a[1].v, 0x44),
                                   _mm512_shuffle_f32x4(a[0].v, a[1].v, 0xEE));
  const __m512 s23 = _mm512_add_ps(_mm512_shuffle_f32x4(a[2].v, a[3].v, 0x44),
                                   _mm512_shuffle_f32x4(a[2].v, a[3].v, 0xEE));
  F32x16 s = {
      _mm512_add_ps(_mm512_shuffle_f32x4(s01, s23, 0x88), _mm512_shuffle_f32x4(s01, s23, 0xDD))};
  s = s + SwapLanes<2>(s);
  s = s + SwapLanes<1>(s);
  const __m512i firsts = _mm512_setr_epi32(0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  _mm_storeu_ps(out, _mm512_castps512_ps128(_mm512_permutexvar_ps(firsts, s.v)));
}
/// The largest lane. REQUIRES: no NaN.
inline float MaxLane(F32x16 a) {
  a = Max(a, SwapLanes<8>(a));
  a = Max(a, SwapLanes<4>(a));
  a = Max(a, SwapLanes<2>(a));
  a = Max(a, SwapLanes<1>(a));
  return _mm512_cvtss_f32(a.v);
}
/// Lane 0.
inline float First(F32x16 a) { return _mm512_cvtss_f32(a.v); }

}  // namespace
}  // namespace fathom::kernels::avx512
