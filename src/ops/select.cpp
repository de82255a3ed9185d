#include "ops/select.h"

#include <array>
#include <bit>

#include "base/check.h"

namespace fathom::ops {
namespace {

// Unsigned integers in the order of the floats; both zeros are equal.
uint32_t OrderedBits(float score) {
  const uint32_t bits = std::bit_cast<uint32_t>(score + 0.0f);
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

struct Digit {
  int shift;
  int bits;
};
// Most significant first. Eleven bits hold sign, exponent and two mantissa bits: the first pass
// already leaves few candidates.
constexpr Digit kDigits[] = {{21, 11}, {10, 11}, {0, 10}};

}  // namespace

void SelectLargest(std::span<const float> scores, int64_t count, int32_t* out) {
  FATHOM_DCHECK(count > 0 && count <= static_cast<int64_t>(scores.size()));
  // Find the key of the count-th largest score, one digit at a time.
  uint32_t prefix = 0;
  uint32_t mask = 0;
  int64_t wanted = count;  // how many of those with this prefix are to be kept
  for (const Digit& digit : kDigits) {
    std::array<int64_t, 2048> histogram{};
    const uint32_t digit_mask = (1u << digit.bits) - 1;
    for (const float score : scores) {
      const uint32_t key = OrderedBits(score);
      if ((key & mask) == prefix) ++histogram[(key >> digit.shift) & digit_mask];
    }
    uint32_t value = digit_mask;
    while (histogram[value] < wanted) wanted -= histogram[value--];
    prefix |= value << digit.shift;
    mask |= digit_mask << digit.shift;
  }
  for (size_t i = 0; i < scores.size(); ++i) {
    const uint32_t key = OrderedBits(scores[i]);
    const bool keep = key > prefix || (key == prefix && wanted-- > 0);
    if (keep) *out++ = static_cast<int32_t>(i);
  }
}

}  // namespace fathom::ops
