#include "numerics/e2m1.h"

#include <array>
#include <bit>

#include "kernels/avx2/tier.h"
#include "kernels/avx2/vec.h"
#include "kernels/simd/matmul_float.inl.h"

namespace fathom::kernels::avx2 {
namespace {

/// 16 BF16 numbers as floats, in the order that unpacking within lanes leaves.
F32x16 Widen(__m256i words) {
  const __m256i zero = _mm256_setzero_si256();
  return {_mm256_castsi256_ps(_mm256_unpacklo_epi16(zero, words)),
          _mm256_castsi256_ps(_mm256_unpackhi_epi16(zero, words))};
}

// Scale code up to which 6 times the scale is a BF16 number.
constexpr int kLargestScale = 252;

// The high or low bytes of the BF16 numbers of the 16 codes under the largest scale, in both lanes.
// Minus zero is zero, so that nothing but zero has an exponent of zero.
constexpr std::array<uint8_t, 32> MakeTable(int shift) {
  std::array<uint8_t, 32> bytes{};
  for (uint32_t i = 0; i < 32; ++i) {
    const float value = numerics::E2m1ToFloat(static_cast<uint8_t>(i & 15));
    const uint32_t word = std::bit_cast<uint32_t>(value) >> 16;
    if (value != 0) bytes[i] = static_cast<uint8_t>((word + ((kLargestScale - 127) << 7)) >> shift);
  }
  return bytes;
}
alignas(32) constexpr std::array<uint8_t, 32> kHighBytes = MakeTable(8);
alignas(32) constexpr std::array<uint8_t, 32> kLowBytes = MakeTable(0);

/// 64 codes at a time: the even columns, then the odd ones; the first 32 columns in the lower
/// lanes, the others in the upper ones.
struct E2m1Row {
  static constexpr int kVectors = 4;
  E2m1Row(const tensor::WeightMatrix& weights, int64_t row)
      : codes(weights.row(row)), scales(weights.row_scales(row)) {}

  void Decode(int64_t k, F32x16* out) const {
    const __m256i shift = MissingExponents(k);
    const __m256i mask = _mm256_set1_epi8(0x0F);
    const __m256i code = LoadHalf(codes + k / 2, 0);
    DecodeNibbles(_mm256_and_si256(code, mask), shift, out);
    DecodeNibbles(_mm256_and_si256(_mm256_srli_epi16(code, 4), mask), shift, out + 2);
  }
  void DecodeNibbles(__m256i nibbles, __m256i shift, F32x16* out) const {
    const __m256i low = _mm256_shuffle_epi8(low_bytes, nibbles);
    const __m256i high = _mm256_shuffle_epi8(high_bytes, nibbles);
    // Saturation keeps zero as it is.
    out[0] = Widen(_mm256_subs_epu16(_mm256_unpacklo_epi8(low, high), shift));
    out[1] = Widen(_mm256_subs_epu16(_mm256_unpackhi_epi8(low, high), shift));
  }
  // What the scales of columns k (lower lane) and k + 32 (upper lane) lack to the largest, in the
  // place of a BF16's exponent.
  __m256i MissingExponents(int64_t k) const {
    int16_t two;
    __builtin_memcpy(&two, scales + k / 32, sizeof two);
    const __m256i scale = _mm256_max_epu8(_mm256_set1_epi16(two), _mm256_set1_epi8(1));
    const __m256i missing =
        _mm256_subs_epu8(_mm256_set1_epi8(static_cast<char>(kLargestScale)), scale);
    return _mm256_srli_epi16(_mm256_shuffle_epi8(missing, spread), 1);
  }
  void Prefetch(int64_t k) const { simd::PrefetchAhead(codes + k / 2); }
  bool IsPoisoned() const { return false; }

  const std::byte* codes;
  const uint8_t* scales;
  __m256i low_bytes = LoadHalf(kLowBytes.data(), 0);
  __m256i high_bytes = LoadHalf(kHighBytes.data(), 0);
  // Byte 0 of the lower lane and byte 1 of the upper into the high bytes of the lane's words.
  __m256i spread = _mm256_set_m128i(_mm_set1_epi16(0x0180), _mm_set1_epi16(0x0080));
};

/// 64 activations in the order of Decode.
void StoreInOrder(const float* values, float* out) {
  for (int i = 0; i < 8; ++i) {
    const int upper = i % 2;
    const int quad = i / 2;
    const float* from = values + 32 * upper + 8 * quad;
    const __m128 a = _mm_loadu_ps(from);
    const __m128 b = _mm_loadu_ps(from + 4);
    float* to = out + 8 * quad + 4 * upper;
    _mm_storeu_ps(to, _mm_shuffle_ps(a, b, _MM_SHUFFLE(2, 0, 2, 0)));
    _mm_storeu_ps(to + 32, _mm_shuffle_ps(a, b, _MM_SHUFFLE(3, 1, 3, 1)));
  }
}

}  // namespace

void MatmulE2m1(const MatmulArgs& args) noexcept { simd::MatmulRows<F32x16, E2m1Row>(args); }

void QuantizeForE2m1(const float* x, int64_t cols, std::byte* out) noexcept {
  constexpr int64_t kBlock = numerics::kLinearBlock;
  auto* to = reinterpret_cast<float*>(out);
  for (int64_t block = 0; block < cols; block += kBlock) {
    float values[kBlock];
    simd::QuantizeActivations<F32x16>(x + block, kBlock, tensor::WeightFormat::kE2m1,
                                      reinterpret_cast<std::byte*>(values));
    for (int64_t k = 0; k < kBlock; k += 64) StoreInOrder(values + k, to + block + k);
  }
}

}  // namespace fathom::kernels::avx2
