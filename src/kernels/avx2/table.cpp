#include "kernels/avx2/vec.h"
#include "kernels/simd/table.inl.h"
#include "kernels/tiers.h"

namespace fathom::kernels {

const KernelTable& Avx2Kernels() {
  static constexpr KernelTable kTable = simd::MakeTable<avx2::F32x16, avx2::ByteDots>("avx2");
  return kTable;
}

}  // namespace fathom::kernels
