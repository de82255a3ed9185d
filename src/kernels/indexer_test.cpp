// The indexer: every tier gives the bits of portable.
#include <algorithm>

#include "kernels/kernels_testing.h"

namespace fathom::kernels {
namespace {

class IndexerTest : public TierTest {};
FATHOM_TEST_ALL_TIERS(IndexerTest);

TEST_P(IndexerTest, E2m1CodesAreThoseOfPortable) {
  for (int round = 0; round < 500; ++round) {
    constexpr int64_t kCount = 4096;
    std::vector<float> x = RandomMagnitudes(kCount, -6, 6);
    if (round % 3 == 0) {
      // Quarters up to 6: every tie under a scale of 1.
      for (size_t i = 0; i < x.size(); ++i)
        x[i] = i % 32 == 0 ? 6.0f : static_cast<float>(RandomInt(-24, 24)) / 4;
    } else if (round % 3 == 1) {
      const float factor = std::ldexp(1.0f, static_cast<int>(RandomInt(-135, 100)));
      for (float& value : x) value *= factor;
    }
    std::vector<uint8_t> codes(kCount), scales(kCount / 32);
    std::vector<uint8_t> want_codes(kCount), want_scales(kCount / 32);
    tier().quantize_e2m1(x.data(), kCount, codes.data(), scales.data());
    portable().quantize_e2m1(x.data(), kCount, want_codes.data(), want_scales.data());
    ASSERT_EQ(codes, want_codes);
    ASSERT_EQ(scales, want_scales);
  }
}

TEST_P(IndexerTest, ScoresHaveTheBitsOfPortable) {
  for (int64_t dim : {32, 128, 256, 1024}) {
    for (int64_t heads : {1, 5, 64, 130}) {
      for (int64_t tiles : {1, 2, 5}) {
        const IndexKeyLayout layout{dim};
        // Keys end where the allocation ends.
        std::vector<std::byte> keys(static_cast<size_t>(tiles * layout.tile_bytes()));
        for (std::byte& byte : keys) byte = static_cast<std::byte>(RandomInt(0, 254));
        for (int64_t t = 0; t < tiles; ++t)
          for (int64_t i = layout.code_bytes(); i < layout.tile_bytes(); ++i)
            keys[static_cast<size_t>(t * layout.tile_bytes() + i)] = static_cast<std::byte>(
                RandomInt(0, 9) == 0 ? RandomInt(0, 150) : RandomInt(120, 130));
        std::vector<int8_t> query(static_cast<size_t>(heads * dim));
        // Full magnitudes in the first head: the largest sums that there are.
        for (size_t i = 0; i < query.size(); ++i)
          query[i] =
              i < static_cast<size_t>(dim) ? int8_t{12} : numerics::kE2m1Doubled[RandomInt(0, 15)];
        std::vector<float> scales(static_cast<size_t>(heads * dim / 32));
        for (float& scale : scales)
          scale = std::ldexp(
              1.0f, static_cast<int>(RandomInt(0, 9) == 0 ? RandomInt(-80, 20) : RandomInt(-6, 2)));
        const std::vector<float> weights = RandomFloats(heads);
        std::vector<float> scores(static_cast<size_t>(tiles * kIndexTile));
        std::vector<float> want(scores.size());
        IndexScoreArgs args = {.query = query.data(),
                               .query_scales = scales.data(),
                               .head_weights = weights.data(),
                               .heads = heads,
                               .layout = layout,
                               .keys = keys.data(),
                               .tiles = tiles,
                               .scores = scores.data()};
        tier().index_scores(args);
        args.scores = want.data();
        portable().index_scores(args);
        ASSERT_EQ(Bits(scores), Bits(want)) << "dim " << dim << ", heads " << heads;
      }
    }
  }
}

}  // namespace
}  // namespace fathom::kernels
