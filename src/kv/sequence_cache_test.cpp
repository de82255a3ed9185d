#include "kv/sequence_cache.h"

#include <gtest/gtest.h>

#include <cstring>

namespace fathom::kv {
namespace {

TEST(PagedRecords, RecordsNeverMove) {
  PagedRecords records(24, 4);
  std::vector<std::byte*> places;
  for (int i = 0; i < 50; ++i) {
    records.Append(1);
    places.push_back(records.record(i));
    std::memset(places.back(), i, 24);
  }
  EXPECT_EQ(records.size(), 50);
  EXPECT_EQ(records.bytes(), 13 * 4 * 24);
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(records.record(i), places[static_cast<size_t>(i)]);
    EXPECT_EQ(records.record(i)[23], static_cast<std::byte>(i));
  }
}

TEST(PagedRecords, RecordsOfAPageAreContiguousAndZero) {
  PagedRecords records(8, 16);
  records.Append(40);
  EXPECT_EQ(records.record(17), records.record(16) + 8);
  for (int i = 0; i < 40; ++i) EXPECT_EQ(records.record(i)[7], std::byte{0});
}

TEST(SequenceCache, HoldsWhatEachKindOfLayerNeeds) {
  const numerics::RowLayout row{.head_dim = 512, .rope_dim = 64};
  EXPECT_EQ(row.row_bytes(), 448 + 8 + 256);
  const LayerShape window{.row = row, .window = 128};
  LayerShape csa{
      .row = row, .window = 128, .compress_ratio = 4, .overlapped = true, .index_dim = 128};
  LayerShape hca{.row = row, .window = 128, .compress_ratio = 128};
  SequenceCache cache({window, csa, hca, window}, 3);

  EXPECT_EQ(cache.layer(0).bytes().total(), 128 * row.row_bytes());
  // Two blocks of four tokens, twice the head, values and scores; the same for the indexer.
  EXPECT_EQ(cache.layer(1).bytes().compressor_state, 8 * 1024 * 4 * 2 + 8 * 256 * 4 * 2);
  EXPECT_EQ(cache.layer(2).bytes().compressor_state, 128 * 512 * 4 * 2);
  EXPECT_EQ(cache.bytes().csa_rows, 0);
  cache.layer(1).rows.Append(1);
  cache.layer(1).index_tiles.Append(1);
  EXPECT_EQ(cache.bytes().csa_rows, 256 * row.row_bytes());
  EXPECT_EQ(cache.bytes().index_keys, 64 * 16 * 68);

  cache.Advance(5);
  cache.AdvanceMtp(2);
  EXPECT_EQ(cache.length(2), 5);
  EXPECT_EQ(cache.length(3), 2);
}

TEST(WindowView, FindsOldRowsInTheRingAndNewOnesInTheBatch) {
  tensor::Matrix<std::byte> ring(4, 8);
  std::vector<std::byte> fresh(3 * 8);
  const WindowView view{.ring = &ring, .fresh = fresh.data(), .first_fresh = 10, .row_bytes = 8};
  EXPECT_EQ(view.row(9), ring.row(1));
  EXPECT_EQ(view.row(7), ring.row(3));
  EXPECT_EQ(view.row(10), fresh.data());
  EXPECT_EQ(view.row(12), fresh.data() + 16);
}

}  // namespace
}  // namespace fathom::kv
