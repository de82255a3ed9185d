// What the machine could do at best: the figures that measurements are held against.
#pragma once

#include <cstdint>
#include <vector>

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

/// Measures the ceilings, as often as wanted: on machines that others share they move from minute
/// to minute, so they should be taken before and after what is held against them.
class CeilingMeter {
 public:
  /// Uses the instructions of `kernels` and reads `buffer_bytes` of memory of its own, which should
  /// be a multiple of the caches. References must outlive the object.
  CeilingMeter(const kernels::KernelTable& kernels, base::ThreadPool& pool, int64_t buffer_bytes)
      : kernels_(kernels), pool_(pool), buffer_bytes_(buffer_bytes) {}

  /// Takes several samples of each, in about a second. The memory is taken and given back.
  void Sample();

  /// The medians of all samples. REQUIRES: Sample was called.
  Ceilings ceilings() const;

 private:
  void SampleRead();
  void SampleMacs(double (*probe)(int64_t) noexcept, std::vector<double>& rates);

  const kernels::KernelTable& kernels_;
  base::ThreadPool& pool_;
  int64_t buffer_bytes_;
  std::vector<double> read_;
  std::vector<double> bf16_;
  std::vector<double> int8_;
};

}  // namespace fathom::measure
