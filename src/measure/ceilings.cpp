#include "measure/ceilings.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "measure/stopwatch.h"
#include "tensor/matrix.h"

namespace fathom::measure {
namespace {

constexpr int kRepeats = 6;
/// Long enough that starting the threads is nothing beside it.
constexpr double kRepeatSeconds = 0.02;

double MeasureRead(const kernels::KernelTable& kernels, base::ThreadPool& pool,
                   int64_t buffer_bytes) {
  const int64_t share = std::max<int64_t>(1, buffer_bytes / pool.size() / kernels::kProbeGrain) *
                        kernels::kProbeGrain;
  tensor::Matrix<std::byte> buffer(pool.size(), share);
  // Untouched memory is one page of zeros that never leaves the cache.
  pool.Run([&](int worker) { std::memset(buffer.row(worker), 1, static_cast<size_t>(share)); });
  const uint32_t want = kernels.probe_read(buffer.row(0), share);
  double best = 0;
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    std::atomic<int> right{0};
    const Stopwatch watch;
    pool.Run([&](int worker) { right += kernels.probe_read(buffer.row(worker), share) == want; });
    best = std::max(best, static_cast<double>(buffer.bytes()) / watch.seconds());
    FATHOM_CHECK(right == pool.size());
  }
  return best;
}

double MeasureMacs(double (*probe)(int64_t) noexcept, base::ThreadPool& pool) {
  double best = 0;
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    std::atomic<double> macs{0};
    const Stopwatch watch;
    pool.Run([&](int) {
      double done = 0;
      while (watch.seconds() < kRepeatSeconds) done += probe(kernels::kMaxProbeSteps);
      macs += done;
    });
    best = std::max(best, macs / watch.seconds());
  }
  return best;
}

}  // namespace

Ceilings MeasureCeilings(const kernels::KernelTable& kernels, base::ThreadPool& pool,
                         int64_t buffer_bytes) {
  return {.read_bytes = MeasureRead(kernels, pool, buffer_bytes),
          .bf16_macs = MeasureMacs(kernels.probe_bf16, pool),
          .int8_macs = MeasureMacs(kernels.probe_int8, pool)};
}

}  // namespace fathom::measure
