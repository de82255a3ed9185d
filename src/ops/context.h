// What every operation needs: the kernels, the threads, and scratch memory for each thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/thread_pool.h"
#include "kernels/kernel_table.h"
#include "tensor/matrix.h"

namespace fathom::ops {

/// Shared by all operations of one model. Used by one thread at a time.
class Context {
 public:
  /// `scratch_bytes`: the largest ScratchBytes of the operations that will run.
  Context(const kernels::KernelTable& table, base::ThreadPool& threads, size_t scratch_bytes)
      : kernels(table),
        pool(threads),
        scratch_(threads.size(), static_cast<int64_t>((scratch_bytes + 63) / 64 * 64)) {}

  /// Scratch of one worker of the pool, 64-byte aligned; free between operations.
  std::byte* scratch(int worker) { return scratch_.row(worker); }
  size_t scratch_bytes() const { return static_cast<size_t>(scratch_.cols()); }

  const kernels::KernelTable& kernels;
  base::ThreadPool& pool;

 private:
  tensor::Matrix<std::byte> scratch_;
};

/// Scratch whose size follows the context: kept from call to call, it grows and never shrinks.
class GrowingScratch {
 public:
  /// A buffer of at least `floats` floats; what it held is lost.
  float* Reserve(int64_t floats) {
    if (memory_.cols() < floats) memory_ = tensor::Matrix<float>(1, floats * 5 / 4);
    return memory_.data();
  }

 private:
  tensor::Matrix<float> memory_;
};

}  // namespace fathom::ops
