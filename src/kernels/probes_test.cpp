#include "kernels/kernels_testing.h"

namespace fathom::kernels {
namespace {

class ProbesTest : public TierTest {};

TEST_P(ProbesTest, ReadAddsEveryWord) {
  for (const int64_t bytes : {int64_t{0}, kProbeGrain, 37 * kProbeGrain}) {
    std::vector<uint32_t> words(static_cast<size_t>(bytes) / 4 + 1);
    uint32_t want = 0;
    for (uint32_t& word : words) want += word = static_cast<uint32_t>(random_());
    want -= words.back();  // beyond the end
    const auto* data = reinterpret_cast<const std::byte*>(words.data());
    EXPECT_EQ(tier().probe_read(data, bytes), want);
  }
}

// The sums are counts: any product left out, done twice or summed inexactly shows.
void ExpectFixedCountPerStep(double (*probe)(int64_t) noexcept) {
  const double per_step = probe(1);
  EXPECT_GE(per_step, 16);
  EXPECT_EQ(std::fmod(per_step, 16), 0);
  EXPECT_EQ(probe(0), 0);
  EXPECT_EQ(probe(7), 7 * per_step);
  const double most = kMaxProbeSteps;
  EXPECT_EQ(probe(kMaxProbeSteps), most * per_step);
}

TEST_P(ProbesTest, Bf16CountsItsProducts) { ExpectFixedCountPerStep(tier().probe_bf16); }
TEST_P(ProbesTest, Int8CountsItsProducts) { ExpectFixedCountPerStep(tier().probe_int8); }

FATHOM_TEST_ALL_TIERS(ProbesTest);

}  // namespace
}  // namespace fathom::kernels
