#include <cstring>

#include "kernels/portable/lanes.h"
#include "kernels/portable/portable.h"

namespace fathom::kernels::portable {
namespace {

constexpr int64_t kOperands = 256;

// `p`, but as far as the compiler knows another pointer each time: what is loaded from it can
// neither be moved out of a loop nor folded.
template <typename T>
const T* Disguise(const T* p) {
  asm volatile("" : "+r"(p));
  return p;
}

// Steps of kOperands products of ones, in running sums as in lanes.h.
template <typename Operand, typename Sum>
double CountProducts(int64_t steps) {
  Operand ones[2 * kOperands];
  for (Operand& one : ones) one = 1;
  Sum lanes[kLanes] = {};
  for (int64_t step = 0; step < steps; ++step) {
    const Operand* w = Disguise(ones);
    const Operand* x = w + kOperands;
    for (int64_t k = 0; k < kOperands; k += kLanes)
      for (int64_t i = 0; i < kLanes; ++i) lanes[i] += static_cast<Sum>(w[k + i] * x[k + i]);
  }
  double count = 0;
  for (const Sum lane : lanes) count += static_cast<double>(lane);
  return count;
}

}  // namespace

uint32_t ProbeRead(const std::byte* data, int64_t bytes) noexcept {
  uint32_t lanes[kLanes] = {};
  constexpr auto kVector = static_cast<int64_t>(sizeof lanes);
  for (int64_t i = 0; i < bytes; i += kVector) {
    uint32_t words[kLanes];
    std::memcpy(words, data + i, sizeof words);
    for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += words[lane];
  }
  uint32_t sum = 0;
  for (const uint32_t lane : lanes) sum += lane;
  return sum;
}

double ProbeBf16(int64_t steps) noexcept { return CountProducts<float, float>(steps); }

double ProbeInt8(int64_t steps) noexcept { return CountProducts<int8_t, int32_t>(steps); }

}  // namespace fathom::kernels::portable
