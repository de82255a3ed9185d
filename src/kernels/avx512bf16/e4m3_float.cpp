#include <array>

#include "kernels/avx512bf16/bf16.h"
#include "kernels/avx512bf16/e4m3_tables.h"
#include "kernels/avx512bf16/tier.h"
#include "kernels/simd/matmul_float.inl.h"

namespace fathom::kernels::avx512bf16 {
namespace {

// Where the four bytes of each float32 of vector `quarter` lie in the low bytes (0 .. 63) and high
// bytes (64 .. 127) of the BF16 numbers; the lower two stay zero.
constexpr std::array<uint8_t, 64> MakeSpread(int quarter) {
  std::array<uint8_t, 64> from{};
  for (int i = 0; i < 16; ++i) {
    from[4 * i + 2] = static_cast<uint8_t>(16 * quarter + i);
    from[4 * i + 3] = static_cast<uint8_t>(64 + 16 * quarter + i);
  }
  return from;
}
alignas(64) constexpr std::array<std::array<uint8_t, 64>, 4> kSpread = {
    MakeSpread(0), MakeSpread(1), MakeSpread(2), MakeSpread(3)};

/// Rows for simd/matmul_float.inl.h. Looking codes up takes three instructions for 64 of them and
/// one more for 16, where shifting them into place takes five for 16.
struct TableRow {
  static constexpr int kVectors = 4, kLineVectors = 4;
  TableRow(const tensor::WeightMatrix& weights, int64_t row)
      : codes(weights.row(row)), scales(weights.row_scales(row)) {}

  void Decode(int64_t k, F32x16* out) const {
    const E4m3Bytes bytes = E4m3Tables().LookUp(I32x16::LoadRaw(codes + k));
    const F32x16 scale = F32x16::Broadcast(numerics::Ue8m0ToFloat(scales[k / 128]));
    for (size_t i = 0; i < 4; ++i) {
      const __m512i spread = _mm512_load_si512(kSpread[i].data());
      const __m512i bits =
          _mm512_maskz_permutex2var_epi8(0xCCCCCCCCCCCCCCCC, bytes.low, spread, bytes.high);
      out[i] = F32x16{_mm512_castsi512_ps(bits)} * scale;
    }
  }
  void Prefetch(int64_t k) const { simd::PrefetchAhead(codes + k); }
  bool IsPoisoned() const { return false; }

  const std::byte* codes;
  const uint8_t* scales;
};

}  // namespace

void MatmulE4m3Float(const MatmulArgs& args) noexcept { simd::MatmulRows<F32x16, TableRow>(args); }

}  // namespace fathom::kernels::avx512bf16
