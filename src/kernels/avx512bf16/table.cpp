#include <algorithm>
#include <cstring>

#include "kernels/avx512/vec.h"
#include "kernels/avx512bf16/bf16.h"
#include "kernels/avx512bf16/tier.h"
#include "kernels/simd/formats.inl.h"
#include "kernels/simd/indexer.inl.h"
#include "kernels/simd/probes.inl.h"
#include "kernels/tiers.h"

namespace fathom::kernels {
namespace avx512bf16 {
namespace {

constexpr int64_t kBlock = numerics::kLinearBlock;

size_t ScratchBytes(int64_t cols) noexcept {
  return std::max({Avx512Kernels().matmul_scratch_bytes(cols), ScratchBytesE4m3(cols),
                   ScratchBytesE4m3Float(cols), ScratchBytesE2m1(cols)});
}

void MatmulQuantized(const MatmulArgs& args) noexcept {
  if (args.weights.format == tensor::WeightFormat::kE4m3) return MatmulE4m3(args);
  MatmulE2m1(args);
}

void MatmulFloat(const MatmulArgs& args) noexcept {
  if (args.weights.format == tensor::WeightFormat::kE4m3) return MatmulE4m3Float(args);
  Avx512Kernels().matmul_float(args);
}

size_t ActivationBytes(int64_t cols) noexcept {
  return static_cast<size_t>(cols) * sizeof(uint16_t);
}

// Column of each word of the two vectors that the E4M3 decoder makes of 64 columns.
void StoreForE4m3(const uint16_t* words, uint16_t* out) {
  const __m512i first =
      _mm512_set_epi16(55, 54, 53, 52, 51, 50, 49, 48, 39, 38, 37, 36, 35, 34, 33, 32, 23, 22, 21,
                       20, 19, 18, 17, 16, 7, 6, 5, 4, 3, 2, 1, 0);
  const __m512i second = _mm512_add_epi16(first, _mm512_set1_epi16(8));
  for (int64_t k = 0; k < kBlock; k += 64) {
    const __m512i a = _mm512_loadu_si512(words + k);
    const __m512i b = _mm512_loadu_si512(words + k + 32);
    _mm512_storeu_si512(out + k, _mm512_permutex2var_epi16(a, first, b));
    _mm512_storeu_si512(out + k + 32, _mm512_permutex2var_epi16(a, second, b));
  }
}

// The four vectors of the E2M1 decoder: word i of vector v is column 4i + v.
void StoreForE2m1(const uint16_t* words, uint16_t* out) {
  __m512i index = _mm512_set_epi16(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60, 56, 52, 48,
                                   44, 40, 36, 32, 28, 24, 20, 16, 12, 8, 4, 0);
  __m512i natural[4];
  for (int i = 0; i < 4; ++i) natural[i] = _mm512_loadu_si512(words + 32 * i);
  for (int v = 0; v < 4; ++v) {
    const __m512i low = _mm512_permutex2var_epi16(natural[0], index, natural[1]);
    const __m512i high = _mm512_permutex2var_epi16(natural[2], index, natural[3]);
    _mm512_storeu_si512(out + 32 * v, _mm512_inserti64x4(low, _mm512_castsi512_si256(high), 1));
    index = _mm512_add_epi16(index, _mm512_set1_epi16(1));
  }
}

void QuantizeActivations(const float* x, int64_t cols, tensor::WeightFormat format,
                         std::byte* out) noexcept {
  for (int64_t block = 0; block < cols; block += kBlock) {
    I32x16 codes[kBlock / 16];
    const uint8_t code = simd::QuantizeE4m3Block<F32x16>(x + block, kBlock, codes);
    const F32x16 scale = F32x16::Broadcast(numerics::Ue8m0ToFloat(code));
    uint16_t words[kBlock];
    for (int64_t i = 0; i < kBlock / 16; ++i) {
      const I32x16 bits = BitsOf(simd::DecodeE4m3<F32x16>(codes[i]) * scale);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(words + 16 * i),
                          _mm512_cvtepi32_epi16(ShiftRight<16>(bits).v));
    }
    auto* to = reinterpret_cast<uint16_t*>(out) + block;
    format == tensor::WeightFormat::kE4m3 ? StoreForE4m3(words, to) : StoreForE2m1(words, to);
  }
}

/// As avx512::ByteDots, in one instruction a step.
struct VnniDots {
  static I32x16 Begin(int32_t start) { return I32x16::Broadcast(start); }
  static I32x16 Add(I32x16 sum, I32x16 a, I32x16 b) {
    return {_mm512_dpbusd_epi32(sum.v, a.v, b.v)};
  }
  static I32x16 Finish(I32x16 sum, int32_t) { return sum; }
};

/// See simd/probes.inl.h.
struct Bf16Probe {
  using Operand = Bf16x32;
  using Sum = F32x16;
  static Bf16x32 Ones() { return {_mm512_set1_epi16(0x3F80)}; }
  static Bf16x32 Hold(Bf16x32 a) {
    asm("" : "+v"(a.v));  // as avx512::Pinned
    return a;
  }
  static F32x16 Zero() { return F32x16::Zero(); }
  static F32x16 Add(F32x16 sum, Bf16x32 w, Bf16x32 x) { return AddDots(w, x, sum); }
  static double Count(F32x16 sum) { return simd::SumExactly(sum); }
};

struct VnniProbe : Bf16Probe {
  static Bf16x32 Ones() { return {_mm512_set1_epi8(1)}; }
  static F32x16 Add(F32x16 sum, Bf16x32 w, Bf16x32 x) {
    // By its name: GCC 12 would keep what its intrinsic returns in memory, at 40 % of the speed.
    asm("vpdpbusd %2, %1, %0" : "+v"(sum.v) : "v"(w.v), "v"(x.v));
    return sum;
  }
  static double Count(F32x16 sum) { return simd::SumExactly(ToFloat(BitsOf(sum))); }
};

}  // namespace
}  // namespace avx512bf16

const KernelTable& Avx512Bf16Kernels() {
  static const KernelTable kTable = [] {
    KernelTable table = Avx512Kernels();
    table.name = "avx512bf16";
    table.matmul_scratch_bytes = avx512bf16::ScratchBytes;
    table.matmul_float = avx512bf16::MatmulFloat;
    table.matmul_quantized = avx512bf16::MatmulQuantized;
    table.activation_bytes = avx512bf16::ActivationBytes;
    table.quantize_activations = avx512bf16::QuantizeActivations;
    table.index_scores = simd::IndexScores<avx512::F32x16, avx512bf16::VnniDots>;
    // Tiles as of Bf16Product.
    table.probe_bf16 = simd::ProbeProducts<avx512bf16::Bf16Probe, 4, 6>;
    table.probe_int8 = simd::ProbeProducts<avx512bf16::VnniProbe, 4, 6>;
    return table;
  }();
  return kTable;
}

}  // namespace fathom::kernels
