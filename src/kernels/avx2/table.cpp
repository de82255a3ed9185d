#include "kernels/avx2/tier.h"
#include "kernels/avx2/vec.h"
#include "kernels/simd/table.inl.h"
#include "kernels/tiers.h"

namespace fathom::kernels {
namespace avx2 {
namespace {

void MatmulQuantized(const MatmulArgs& args) noexcept {
  if (args.weights.format == tensor::WeightFormat::kE2m1) return MatmulE2m1(args);
  simd::MatmulFloat<F32x16>(args);
}

void QuantizeActivations(const float* x, int64_t cols, tensor::WeightFormat format,
                         std::byte* out) noexcept {
  if (format == tensor::WeightFormat::kE2m1) return QuantizeForE2m1(x, cols, out);
  simd::QuantizeActivations<F32x16>(x, cols, format, out);
}

}  // namespace
}  // namespace avx2

const KernelTable& Avx2Kernels() {
  static constexpr KernelTable kTable = [] {
    KernelTable table = simd::MakeTable<avx2::F32x16, avx2::ByteDots>("avx2");
    table.matmul_quantized = avx2::MatmulQuantized;
    table.quantize_activations = avx2::QuantizeActivations;
    return table;
  }();
  return kTable;
}

}  // namespace fathom::kernels
