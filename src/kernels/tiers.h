// The tables that the tiers define. Whether the CPU can run one is dispatch.cpp's to know.
#pragma once

#include "kernels/kernel_table.h"

namespace fathom::kernels {

const KernelTable& PortableKernels();
const KernelTable& Avx2Kernels();        ///< AVX2 and FMA
const KernelTable& Avx512Kernels();      ///< AVX-512 F, BW, DQ, VL
const KernelTable& Avx512Bf16Kernels();  ///< the same with BF16, VNNI and VBMI

}  // namespace fathom::kernels
