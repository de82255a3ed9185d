#include "measure/ceilings.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "measure/stopwatch.h"
#include "tensor/matrix.h"

namespace fathom::measure {
namespace {

constexpr int kRepeats = 3;
/// Long enough that starting the threads is nothing beside it.
constexpr double kRepeatSeconds = 0.02;

}  // namespace

void CeilingMeter::SampleRead() {
  const int64_t share = std::max<int64_t>(1, buffer_bytes_ / pool_.size() / kernels::kProbeGrain) *
                        kernels::kProbeGrain;
  tensor::Matrix<std::byte> buffer(pool_.size(), share);
  // As weights are mapped. Small pages would also take most of the time to touch.
  static_cast<void>(::madvise(buffer.data(), buffer.bytes(), MADV_HUGEPAGE));
  // Untouched memory is one page of zeros that never leaves the cache.
  pool_.Run([&](int worker) { std::memset(buffer.row(worker), 1, static_cast<size_t>(share)); });
  const uint32_t want = kernels_.probe_read(buffer.row(0), share);
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    std::atomic<int> right{0};
    const Stopwatch watch;
    pool_.Run([&](int worker) { right += kernels_.probe_read(buffer.row(worker), share) == want; });
    read_.push_back(static_cast<double>(buffer.bytes()) / watch.seconds());
    FATHOM_CHECK(right == pool_.size());
  }
}

void CeilingMeter::SampleMacs(double (*probe)(int64_t) noexcept, std::vector<double>& rates) {
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    std::atomic<double> macs{0};
    const Stopwatch watch;
    pool_.Run([&](int) {
      double done = 0;
      while (watch.seconds() < kRepeatSeconds) done += probe(kernels::kMaxProbeSteps);
      macs += done;
    });
    rates.push_back(macs / watch.seconds());
  }
}

void CeilingMeter::Sample() {
  SampleRead();
  SampleMacs(kernels_.probe_bf16, bf16_);
  SampleMacs(kernels_.probe_int8, int8_);
}

Ceilings CeilingMeter::ceilings() const {
  return {.read_bytes = Median(read_), .bf16_macs = Median(bf16_), .int8_macs = Median(int8_)};
}

}  // namespace fathom::measure
