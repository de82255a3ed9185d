#include <array>

#include "kernels/portable/portable.h"
#include "numerics/ordered_bits.h"

namespace fathom::kernels::portable {
namespace {

struct Digit {
  int shift;
  int bits;
};
// Most significant first. Eleven bits hold sign, exponent and two mantissa bits: the first pass
// already leaves few candidates.
constexpr Digit kDigits[] = {{21, 11}, {10, 11}, {0, 10}};

}  // namespace

// Finds the key of the count-th largest score, one digit at a time, by histograms.
void SelectLargest(const float* scores, int64_t n, int64_t count, int32_t* out) noexcept {
  uint32_t prefix = 0;
  uint32_t mask = 0;
  int64_t wanted = count;  // how many of those with this prefix are to be kept
  for (const Digit& digit : kDigits) {
    std::array<int64_t, 2048> histogram{};
    const uint32_t digit_mask = (1u << digit.bits) - 1;
    for (int64_t i = 0; i < n; ++i) {
      const uint32_t key = numerics::OrderedBits(scores[i]);
      if ((key & mask) == prefix) ++histogram[(key >> digit.shift) & digit_mask];
    }
    uint32_t value = digit_mask;
    while (histogram[value] < wanted) wanted -= histogram[value--];
    prefix |= value << digit.shift;
    mask |= digit_mask << digit.shift;
  }
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t key = numerics::OrderedBits(scores[i]);
    const bool keep = key > prefix || (key == prefix && wanted-- > 0);
    if (keep) *out++ = static_cast<int32_t>(i);
  }
}

}  // namespace fathom::kernels::portable
