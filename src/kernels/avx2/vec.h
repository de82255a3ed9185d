// Sixteen lanes in a pair of AVX registers: what simd/*.inl.h is written in. avx512/vec.h is its
// twin, function by function, and every function gives the same bits there; the meaning of each is
// stated there.
//
// The namespace is unnamed so that each file that is compiled for AVX2 owns its copy: nothing here
// can be linked into code that must run on lesser machines.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace fathom::kernels::avx2 {
namespace {

inline __m256i LoadHalf(const void* p, int half) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p) + half);
}
inline __m128i LoadEight(const void* p, int half) {
  return _mm_loadl_epi64(
      reinterpret_cast<const __m128i*>(static_cast<const std::byte*>(p) + 8 * half));
}

struct I32x16 {
  __m256i lo, hi;

  static I32x16 Broadcast(int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
  static I32x16 LoadRaw(const void* p) { return {LoadHalf(p, 0), LoadHalf(p, 1)}; }
  static I32x16 BroadcastDword(const void* p) {
    int32_t dword;
    __builtin_memcpy(&dword, p, sizeof dword);
    return Broadcast(dword);
  }
  static I32x16 BroadcastTable(const void* p) {
    const __m256i table =
        _mm256_broadcastsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(p)));
    return {table, table};
  }
  static I32x16 LoadBytes(const void* p) {
    return {_mm256_cvtepu8_epi32(LoadEight(p, 0)), _mm256_cvtepu8_epi32(LoadEight(p, 1))};
  }
  static I32x16 LoadSignedBytes(const void* p) {
    return {_mm256_cvtepi8_epi32(LoadEight(p, 0)), _mm256_cvtepi8_epi32(LoadEight(p, 1))};
  }
  static I32x16 LoadNibbles(const void* p) {
    const __m128i bytes = LoadEight(p, 0);
    const __m256i lo = _mm256_cvtepu8_epi64(bytes);
    const __m256i hi = _mm256_cvtepu8_epi64(_mm_srli_si128(bytes, 4));
    return {_mm256_or_si256(lo, _mm256_slli_epi64(lo, 28)),
            _mm256_or_si256(hi, _mm256_slli_epi64(hi, 28))};
  }
  void StoreBytes(void* p) const {
    const __m256i mask = _mm256_set1_epi32(0xFF);
    const __m256i words =
        _mm256_packus_epi32(_mm256_and_si256(lo, mask), _mm256_and_si256(hi, mask));
    const __m256i bytes = _mm256_packus_epi16(words, words);  // dwords 0 and 4 hold lanes 0-3, 8-11
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 0, 0, 0, 0);
    _mm_storeu_si128(static_cast<__m128i*>(p),
                     _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(bytes, order)));
  }
  void StoreWords(void* p) const {
    const __m256i mask = _mm256_set1_epi32(0xFFFF);
    const __m256i words =
        _mm256_packus_epi32(_mm256_and_si256(lo, mask), _mm256_and_si256(hi, mask));
    _mm256_storeu_si256(static_cast<__m256i*>(p),
                        _mm256_permute4x64_epi64(words, _MM_SHUFFLE(3, 1, 2, 0)));
  }
  void StoreRaw(void* p) const {
    auto* halves = static_cast<__m256i*>(p);
    _mm256_storeu_si256(halves, lo);
    _mm256_storeu_si256(halves + 1, hi);
  }
};

struct F32x16 {
  using Ints = I32x16;

  // 16 registers hold one row by three tokens, with two sums each, and their operands.
  static constexpr int kTileRows = 1;
  static constexpr int kTileTokens = 3;
  static constexpr int kTileHeads = 2;
  /// Weight rows that are read side by side.
  static constexpr int kSideRows = 1;
  /// Tokens that one pass over the weight stream serves; more of them take panels.
  static constexpr int kGroupTokens = 3;
  static constexpr int kDirectTokens = 3;

  __m256 lo, hi;

  static F32x16 Zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static F32x16 Broadcast(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static F32x16 Load(const void* p) {
    return {_mm256_castsi256_ps(LoadHalf(p, 0)), _mm256_castsi256_ps(LoadHalf(p, 1))};
  }
  static F32x16 LoadBf16(const void* p) {
    const auto* words = static_cast<const __m128i*>(p);
    const __m256i lo = _mm256_cvtepu16_epi32(_mm_loadu_si128(words));
    const __m256i hi = _mm256_cvtepu16_epi32(_mm_loadu_si128(words + 1));
    return {_mm256_castsi256_ps(_mm256_slli_epi32(lo, 16)),
            _mm256_castsi256_ps(_mm256_slli_epi32(hi, 16))};
  }
  static F32x16 LoadDoubled(const float* p) {
    const __m256 x = _mm256_loadu_ps(p);
    const __m256 low = _mm256_unpacklo_ps(x, x);   // 0 0 1 1 4 4 5 5
    const __m256 high = _mm256_unpackhi_ps(x, x);  // 2 2 3 3 6 6 7 7
    return {_mm256_permute2f128_ps(low, high, 0x20), _mm256_permute2f128_ps(low, high, 0x31)};
  }
  void Store(float* p) const {
    _mm256_storeu_ps(p, lo);
    _mm256_storeu_ps(p + 8, hi);
  }
};

using Mask = I32x16;  // all ones or all zeros a lane

inline F32x16 operator+(F32x16 a, F32x16 b) {
  return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}
inline F32x16 operator-(F32x16 a, F32x16 b) {
  return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)};
}
inline F32x16 operator*(F32x16 a, F32x16 b) {
  return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
}
inline F32x16 operator/(F32x16 a, F32x16 b) {
  return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
}
inline F32x16 MulAdd(F32x16 a, F32x16 b, F32x16 c) {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
inline F32x16 Min(F32x16 a, F32x16 b) {
  return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)};
}
inline F32x16 Max(F32x16 a, F32x16 b) {
  return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)};
}

inline I32x16 BitsOf(F32x16 a) { return {_mm256_castps_si256(a.lo), _mm256_castps_si256(a.hi)}; }
inline F32x16 FloatOf(I32x16 bits) {
  return {_mm256_castsi256_ps(bits.lo), _mm256_castsi256_ps(bits.hi)};
}
inline I32x16 Round(F32x16 a) { return {_mm256_cvtps_epi32(a.lo), _mm256_cvtps_epi32(a.hi)}; }
inline F32x16 ToFloat(I32x16 a) { return {_mm256_cvtepi32_ps(a.lo), _mm256_cvtepi32_ps(a.hi)}; }

inline I32x16 operator+(I32x16 a, I32x16 b) {
  return {_mm256_add_epi32(a.lo, b.lo), _mm256_add_epi32(a.hi, b.hi)};
}
inline I32x16 operator-(I32x16 a, I32x16 b) {
  return {_mm256_sub_epi32(a.lo, b.lo), _mm256_sub_epi32(a.hi, b.hi)};
}
inline I32x16 operator&(I32x16 a, I32x16 b) {
  return {_mm256_and_si256(a.lo, b.lo), _mm256_and_si256(a.hi, b.hi)};
}
inline I32x16 operator|(I32x16 a, I32x16 b) {
  return {_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)};
}
template <int kBits>
I32x16 ShiftLeft(I32x16 a) {
  return {_mm256_slli_epi32(a.lo, kBits), _mm256_slli_epi32(a.hi, kBits)};
}
template <int kBits>
I32x16 ShiftRight(I32x16 a) {
  return {_mm256_srli_epi32(a.lo, kBits), _mm256_srli_epi32(a.hi, kBits)};
}
template <int kBits>
I32x16 ShiftRightSigned(I32x16 a) {
  return {_mm256_srai_epi32(a.lo, kBits), _mm256_srai_epi32(a.hi, kBits)};
}
inline Mask Greater(I32x16 a, I32x16 b) {
  return {_mm256_cmpgt_epi32(a.lo, b.lo), _mm256_cmpgt_epi32(a.hi, b.hi)};
}
inline uint32_t GreaterEqualBits(F32x16 a, F32x16 b) {
  const int lo = _mm256_movemask_ps(_mm256_cmp_ps(a.lo, b.lo, _CMP_GE_OQ));
  const int hi = _mm256_movemask_ps(_mm256_cmp_ps(a.hi, b.hi, _CMP_GE_OQ));
  return static_cast<uint32_t>(lo | hi << 8);
}
inline Mask Equal(I32x16 a, I32x16 b) {
  return {_mm256_cmpeq_epi32(a.lo, b.lo), _mm256_cmpeq_epi32(a.hi, b.hi)};
}
inline I32x16 Select(Mask mask, I32x16 yes, I32x16 no) {
  return {_mm256_blendv_epi8(no.lo, yes.lo, mask.lo), _mm256_blendv_epi8(no.hi, yes.hi, mask.hi)};
}

// 16 registers do not hold a tile and all its operands: the compiler may choose.
inline F32x16 Pinned(F32x16 a) { return a; }

inline F32x16 LookUpE2m1(I32x16 codes) {
  // A register holds the 8 magnitudes; bit 3 of the code becomes the sign.
  const __m256 magnitudes = _mm256_setr_ps(0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f);
  const I32x16 sign = ShiftLeft<28>(codes) & I32x16::Broadcast(INT32_MIN);
  return FloatOf(BitsOf({_mm256_permutevar8x32_ps(magnitudes, codes.lo),
                         _mm256_permutevar8x32_ps(magnitudes, codes.hi)}) |
                 sign);
}
inline I32x16 LookUpBytes(I32x16 table, I32x16 bytes) {
  return {_mm256_shuffle_epi8(table.lo, bytes.lo), _mm256_shuffle_epi8(table.hi, bytes.hi)};
}
inline I32x16 MaxBytes(I32x16 a, I32x16 b) {
  return {_mm256_max_epu8(a.lo, b.lo), _mm256_max_epu8(a.hi, b.hi)};
}
inline bool HasByte(I32x16 a, int8_t byte) {
  const __m256i wanted = _mm256_set1_epi8(byte);
  return _mm256_movemask_epi8(_mm256_or_si256(_mm256_cmpeq_epi8(a.lo, wanted),
                                              _mm256_cmpeq_epi8(a.hi, wanted))) != 0;
}

struct ByteDots {
  static I32x16 Begin(int32_t) { return I32x16::Broadcast(0); }
  static I32x16 Add(I32x16 sum, I32x16 a, I32x16 b) {
    return {_mm256_add_epi16(sum.lo, _mm256_maddubs_epi16(a.lo, b.lo)),
            _mm256_add_epi16(sum.hi, _mm256_maddubs_epi16(a.hi, b.hi))};
  }
  static I32x16 Finish(I32x16 sum, int32_t start) {
    const __m256i ones = _mm256_set1_epi16(1);
    return I32x16{_mm256_madd_epi16(sum.lo, ones), _mm256_madd_epi16(sum.hi, ones)} +
           I32x16::Broadcast(start);
  }
};

template <int kHalf>
F32x16 SwapLanes(F32x16 a) {
  if constexpr (kHalf == 1) return {_mm256_permute_ps(a.lo, 0xB1), _mm256_permute_ps(a.hi, 0xB1)};
  if constexpr (kHalf == 2) return {_mm256_permute_ps(a.lo, 0x4E), _mm256_permute_ps(a.hi, 0x4E)};
  if constexpr (kHalf == 4)
    return {_mm256_permute2f128_ps(a.lo, a.lo, 0x01), _mm256_permute2f128_ps(a.hi, a.hi, 0x01)};
  if constexpr (kHalf == 8) return {a.hi, a.lo};
}

inline float Sum(F32x16 a) {
  const __m256 eight = _mm256_add_ps(a.lo, a.hi);
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  s = _mm_add_ps(s, _mm_permute_ps(s, 0x4E));
  s = _mm_add_ps(s, _mm_permute_ps(s, 0xB1));
  return _mm_cvtss_f32(s);
}
inline void StoreSums4(const F32x16* a, float* out) {
  for (int i = 0; i < 4; ++i) out[i] = Sum(a[i]);
}
inline float MaxLane(F32x16 a) {
  const __m256 eight = _mm256_max_ps(a.lo, a.hi);
  __m128 m = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  m = _mm_max_ps(m, _mm_permute_ps(m, 0x4E));
  m = _mm_max_ps(m, _mm_permute_ps(m, 0xB1));
  return _mm_cvtss_f32(m);
}
inline float First(F32x16 a) { return _mm256_cvtss_f32(a.lo); }

}  // namespace
}  // namespace fathom::kernels::avx2
