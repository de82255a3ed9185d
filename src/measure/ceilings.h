// What the machine could do at best: the figures that measurements are held against.
#pragma once

#include <cstdint>

#include "base/thread_pool.h"
#include "kernels/kernel_table.h"

namespace fathom::measure {

/// Rates of all threads of a pool together.
struct Ceilings {
  double read_bytes = 0;  ///< bytes a second, streamed from memory
  double bf16_macs = 0;   ///< multiply-adds a second of BF16 operands in registers; float32 where
                          ///< the instruction set has no product of BF16
  double int8_macs = 0;   ///< the same of bytes
};

/// Measures for about a second, the best of several repeats each, with the instructions that
/// `kernels` uses. Reads `buffer_bytes` of memory of its own, which should be a multiple of the
/// caches.
Ceilings MeasureCeilings(const kernels::KernelTable& kernels, base::ThreadPool& pool,
                         int64_t buffer_bytes);

}  // namespace fathom::measure
