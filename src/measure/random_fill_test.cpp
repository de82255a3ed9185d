#include "measure/random_fill.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "measure/attention_check.h"
#include "measure/nano_model_testing.h"

namespace fathom::measure {
namespace {

// Around the borders of blocks (4 and 128), of tiles (64) and of the window (128).
constexpr int64_t kLengths[] = {1, 3, 4, 63, 64, 127, 128, 129, 300, 512};

class RandomFillTest : public testing::TestWithParam<const char*> {
 protected:
  NanoModel nano_{GetParam()};
};

TEST_P(RandomFillTest, TakesTheBytesOfAComputedSequence) {
  for (const int64_t length : kLengths) {
    SCOPED_TRACE(length);
    kv::SequenceCache computed = nano_.model.NewSequence();
    nano_.Forward(length, computed);
    kv::SequenceCache filled = nano_.model.NewSequence();
    FillSequence(length, 7, nano_.pool, filled);
    EXPECT_EQ(filled.length(), computed.length());
    EXPECT_EQ(filled.mtp_length(), 0);
    EXPECT_EQ(filled.bytes().total(), computed.bytes().total());
    for (int64_t l = 0; l < filled.layer_count(); ++l) {
      EXPECT_EQ(filled.layer(l).rows.size(), computed.layer(l).rows.size());
      EXPECT_EQ(filled.layer(l).index_keys, computed.layer(l).index_keys);
      EXPECT_EQ(filled.layer(l).index_tiles.size(), computed.layer(l).index_tiles.size());
    }
  }
}

TEST_P(RandomFillTest, SequencesGoOnWithFiniteLogits) {
  for (const int64_t length : kLengths) {
    SCOPED_TRACE(length);
    kv::SequenceCache cache = nano_.model.NewSequence();
    FillSequence(length, 7, nano_.pool, cache);
    for (const int64_t tokens : {1, 130, 1})
      for (const float logit : nano_.Forward(tokens, cache)) ASSERT_TRUE(std::isfinite(logit));
    EXPECT_EQ(cache.length(), length + 132);
  }
}

TEST_P(RandomFillTest, TheSeedAloneDecides) {
  const auto fill = [&](uint64_t seed, int threads) {
    base::ThreadPool pool(threads);
    kv::SequenceCache cache = nano_.model.NewSequence();
    FillSequence(300, seed, pool, cache);
    return nano_.Forward(1, cache);
  };
  const std::vector<float> logits = fill(7, 1);
  EXPECT_EQ(fill(7, 3), logits);
  EXPECT_NE(fill(8, 1), logits);
}

INSTANTIATE_TEST_SUITE_P(All, RandomFillTest, testing::Values("nano-flash", "nano-pro"),
                         [](const auto& test) { return std::string(test.param).substr(5); });

TEST(FillRow, WritesWhatPackRowCould) {
  RandomBits random(1);
  double sum = 0, squares = 0, count = 0;
  for (const numerics::RowLayout layout : {numerics::RowLayout{512, 64}, {576, 64}, {256, 256}}) {
    std::vector<std::byte> row(static_cast<size_t>(layout.row_bytes()) + 1, std::byte{0xA5});
    FillRow(layout, random, row.data());
    EXPECT_EQ(row.back(), std::byte{0xA5});
    for (int64_t i = layout.code_count() + layout.scale_count(); i < layout.rope_offset(); ++i)
      EXPECT_EQ(row[static_cast<size_t>(i)], std::byte{0});
    for (const float value : DecodeRow(row.data(), layout)) {
      EXPECT_LT(std::fabs(value), 2);
      sum += value;
      squares += value * value;
      ++count;
    }
  }
  EXPECT_NEAR(sum / count, 0, 0.1);
  EXPECT_GT(squares / count, 0.1);
}

TEST(FillIndexTile, HasAllCodesUnderSaneScales) {
  RandomBits random(1);
  constexpr numerics::IndexKeyLayout kLayout{128};
  std::vector<std::byte> tile(kLayout.tile_bytes() + 1, std::byte{0xA5});
  FillIndexTile(kLayout, random, tile.data());
  EXPECT_EQ(tile.back(), std::byte{0xA5});
  float largest = 0;
  for (int64_t key = 0; key < numerics::kIndexTile; ++key) {
    for (const float value : DecodeIndexKey(tile.data(), key, kLayout)) {
      EXPECT_LE(std::fabs(value), 6);
      largest = std::max(largest, std::fabs(value));
    }
  }
  EXPECT_EQ(largest, 6);
}

}  // namespace
}  // namespace fathom::measure
