#include "kernels/avx512/vec.h"
#include "kernels/simd/table.inl.h"
#include "kernels/tiers.h"

namespace fathom::kernels {

const KernelTable& Avx512Kernels() {
  static constexpr KernelTable kTable = simd::MakeTable<avx512::F32x16, avx512::ByteDots>("avx512");
  return kTable;
}

}  // namespace fathom::kernels
