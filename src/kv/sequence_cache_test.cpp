#include "kv/sequence_cache.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

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

PagedRecords Numbered(int64_t count) {
  PagedRecords records(8, 16);
  records.Append(count);
  for (int64_t i = 0; i < count; ++i) std::memset(records.record(i), static_cast<int>(i), 8);
  return records;
}

TEST(PagedRecords, ACopySharesPagesUntilOneIsWrittenTo) {
  PagedRecords records = Numbered(40);
  PagedRecords copy = records;
  const PagedRecords& constant = copy;
  for (int64_t i = 0; i < 40; ++i) EXPECT_EQ(constant.record(i), records.record(i));

  copy.Append(1);
  std::memset(copy.record(40), 99, 8);
  EXPECT_EQ(records.size(), 40);
  EXPECT_EQ(copy.record(32), records.record(32)) << "the first to append goes on in the page";

  records.Append(1);
  EXPECT_EQ(copy.record(31), records.record(31)) << "a full page stays shared";
  EXPECT_NE(copy.record(32), records.record(32));
  EXPECT_EQ(std::memcmp(copy.record(32), records.record(32), 64), 0);
  EXPECT_EQ(records.record(40)[0], std::byte{0});
  EXPECT_EQ(copy.record(40)[0], std::byte{99});

  const std::byte* place = copy.record(40);
  copy.Append(1);
  EXPECT_EQ(copy.record(40), place) << "nobody shares the last page any more";
}

TEST(PagedRecords, WhatAnotherListHasWrittenIsNeverWrittenAgain) {
  PagedRecords records = Numbered(40);
  PagedRecords longer = records;
  longer.Append(2);
  std::memset(longer.record(41), 99, 8);
  PagedRecords back = longer;
  back.Truncate(40);
  back.Append(2);
  EXPECT_NE(back.record(41), longer.record(41));
  EXPECT_EQ(longer.record(41)[0], std::byte{99});
  EXPECT_EQ(back.record(41)[0], std::byte{0});
}

TEST(MemoryMeter, CountsWhatIsSharedOnce) {
  const auto meter = std::make_shared<MemoryMeter>();
  {
    PagedRecords records(8, 16, meter);
    records.Append(40);
    EXPECT_EQ(meter->bytes(), 3 * 16 * 8);
    PagedRecords copy = records;
    copy.Append(1);
    EXPECT_EQ(meter->bytes(), 3 * 16 * 8);
    records.Append(1);
    EXPECT_EQ(meter->bytes(), 4 * 16 * 8) << "both wrote record 40";
    copy.Truncate(16);
    EXPECT_EQ(meter->bytes(), 3 * 16 * 8);
    PagedRecords moved = std::move(records);
    EXPECT_EQ(meter->bytes(), 3 * 16 * 8);
  }
  EXPECT_EQ(meter->bytes(), 0);
}

TEST(PagedRecords, ExtendLetsEarlierRecordsBeWritten) {
  PagedRecords records = Numbered(40);
  PagedRecords copy = records;
  copy.Extend(20, 40);
  std::memset(copy.record(20), 99, 8);
  EXPECT_EQ(records.record(20)[0], std::byte{20});
  EXPECT_EQ(copy.record(15), records.record(15));
  EXPECT_EQ(copy.record(39)[0], std::byte{39});
}

TEST(PagedRecords, TruncateForgets) {
  PagedRecords records = Numbered(40);
  const PagedRecords copy = records;
  records.Truncate(18);
  EXPECT_EQ(records.size(), 18);
  EXPECT_EQ(records.bytes(), 2 * 16 * 8);
  records.Append(4);
  EXPECT_EQ(records.record(17)[0], std::byte{17});
  EXPECT_EQ(records.record(18)[0], std::byte{0}) << "not what was there before";
  EXPECT_EQ(copy.record(18)[0], std::byte{18}) << "the copy keeps it";
  records.Truncate(16);
  EXPECT_EQ(records.bytes(), 16 * 8);
}

TEST(SequenceCache, HoldsWhatEachKindOfLayerNeeds) {
  const numerics::RowLayout row{.head_dim = 512, .rope_dim = 64};
  EXPECT_EQ(row.row_bytes(), 448 + 8 + 128);
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

// Four layers as in HoldsWhatEachKindOfLayerNeeds, as small as the formats allow; the last one is
// an MTP layer.
SequenceCache SmallCache(std::shared_ptr<MemoryMeter> meter = nullptr) {
  const numerics::RowLayout row{.head_dim = 128, .rope_dim = 64};
  const LayerShape window{.row = row, .window = 8};
  return SequenceCache(
      {window,
       {.row = row, .window = 8, .compress_ratio = 4, .overlapped = true, .index_dim = 32},
       {.row = row, .window = 8, .compress_ratio = 16},
       window},
      3, std::move(meter));
}

TEST(Snapshot, HoldsOnlyWhatItsPositionNeeds) {
  SequenceCache cache = SmallCache();
  const int64_t row_bytes = cache.layer(0).window.cols();
  const auto bytes_of = [&](int64_t windows, int64_t csa, int64_t hca) {
    // Rows of the windows; values and scores of CSA rows and keys (twice as wide), and of HCA rows.
    return windows * row_bytes + csa * 2 * 4 * (2 * 128 + 2 * 32) + hca * 2 * 4 * 128;
  };
  EXPECT_EQ(cache.SnapshotBytes(0, 0), 0);
  EXPECT_EQ(cache.SnapshotBytes(3, 0), bytes_of(3 * 3, 3, 3));
  EXPECT_EQ(cache.SnapshotBytes(4, 4), bytes_of(4 * 4, 4, 4));
  EXPECT_EQ(cache.SnapshotBytes(5, 4), bytes_of(3 * 5 + 4, 5, 5));
  EXPECT_EQ(cache.SnapshotBytes(31, 30), bytes_of(4 * 7, 7, 15));
  EXPECT_EQ(cache.SnapshotBytes(32, 32), bytes_of(4 * 7, 4, 0)) << "no block waits";
}

TEST(Snapshot, OfFlashTakesWhatItsContractSays) {
  const numerics::RowLayout row{.head_dim = 512, .rope_dim = 64};
  const LayerShape window{.row = row, .window = 128};
  const LayerShape csa{
      .row = row, .window = 128, .compress_ratio = 4, .overlapped = true, .index_dim = 128};
  const LayerShape hca{.row = row, .window = 128, .compress_ratio = 128};
  std::vector<LayerShape> shapes = {window, window};
  for (int layer = 2; layer < 43; ++layer) shapes.push_back(layer % 2 == 0 ? csa : hca);
  shapes.push_back(window);
  const SequenceCache cache(shapes, 43);
  EXPECT_NEAR(static_cast<double>(cache.SnapshotBytes(8192, 0)), 4.05e6, 0.01e6);
  EXPECT_NEAR(static_cast<double>(cache.SnapshotBytes(8319, 8318)), 15.2e6, 0.1e6);
}

TEST(Snapshot, AForkAndItsOriginGoTheirOwnWays) {
  SequenceCache cache = SmallCache();
  cache.layer(1).rows.Append(5);
  std::memset(cache.layer(1).rows.record(4), 1, 16);
  cache.layer(1).compressor.values.row(2)[0] = 1;
  cache.Advance(20);
  SequenceCache fork = cache.Fork();
  EXPECT_EQ(fork.length(), 20);
  EXPECT_EQ(std::as_const(fork.layer(1).rows).record(4),
            std::as_const(cache.layer(1).rows).record(4));
  cache.layer(1).compressor.values.row(2)[0] = 2;
  cache.layer(1).rows.Append(1);
  cache.Advance(4);
  EXPECT_EQ(fork.length(), 20);
  EXPECT_EQ(fork.layer(1).rows.size(), 5);
  EXPECT_EQ(fork.layer(1).compressor.values.row(2)[0], 1);
}

TEST(Position, SharesPagesAndTakesASequenceThere) {
  const auto meter = std::make_shared<MemoryMeter>();
  SequenceCache cache = SmallCache(meter);
  EXPECT_EQ(meter->bytes(), cache.FixedBytes());
  cache.layer(1).rows.Append(5);
  std::memset(cache.layer(1).rows.record(4), 1, 16);
  cache.layer(1).index_tiles.Append(1);
  cache.layer(1).index_keys = 5;
  cache.layer(1).compressor.values.row(2)[0] = 1;
  cache.layer(2).rows.Append(1);
  cache.Advance(20);
  EXPECT_EQ(meter->bytes(), cache.FixedBytes() + cache.PageBytes(20));
  EXPECT_EQ(meter->bytes(), cache.bytes().total());

  std::optional<Position> position = cache.TakePosition();
  EXPECT_EQ(position->length(), 20);
  EXPECT_EQ(meter->bytes(), cache.bytes().total() + position->snapshot->bytes());
  cache.layer(1).rows.Append(1);
  cache.layer(1).compressor.values.row(2)[0] = 2;
  cache.Advance(4);

  SequenceCache other = SmallCache(meter);
  other.GoTo(*position);
  EXPECT_EQ(other.length(), 20);
  EXPECT_EQ(other.layer(1).rows.size(), 5);
  EXPECT_EQ(other.layer(1).index_keys, 5);
  EXPECT_EQ(other.layer(1).compressor.values.row(2)[0], 1);
  EXPECT_EQ(std::as_const(other.layer(1).rows).record(4),
            std::as_const(cache.layer(1).rows).record(4));
  // Tiles that are not full were copied, nothing else.
  const int64_t tiles = cache.layer(1).index_tiles.page_bytes();
  EXPECT_EQ(meter->bytes(),
            2 * cache.FixedBytes() + cache.PageBytes(24) + tiles + position->snapshot->bytes());
  EXPECT_LE(tiles, other.SpareBytes());
  const int64_t snapshot_bytes = position->snapshot->bytes();
  const int64_t before = meter->bytes();
  position.reset();
  EXPECT_EQ(meter->bytes(), before - snapshot_bytes);
}

TEST(Snapshot, FindsProjectionsThatAreNotFinite) {
  SequenceCache cache = SmallCache();
  cache.Advance(3);
  Snapshot snapshot = cache.TakeSnapshot();
  EXPECT_TRUE(cache.HasFiniteProjections(snapshot));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  // A window's bytes may look like any float.
  std::memcpy(snapshot.state.data(), &nan, sizeof nan);
  EXPECT_TRUE(cache.HasFiniteProjections(snapshot));
  std::memcpy(snapshot.state.data() + snapshot.state.size() - sizeof nan, &nan, sizeof nan);
  EXPECT_FALSE(cache.HasFiniteProjections(snapshot));
}

TEST(LayerCache, TruncatingClearsTheKeysThatATileNoLongerHolds) {
  SequenceCache cache = SmallCache();
  LayerCache& layer = cache.layer(1);
  layer.rows.Append(20);
  layer.index_tiles.Append(2);
  const int64_t tile_bytes = layer.index_tiles.record_bytes();
  std::memset(layer.index_tiles.record(0), 0xff, static_cast<size_t>(tile_bytes));
  const LayerCache fork = layer.Fork();
  layer.TruncateBlocks(4 * 5 + 3);
  EXPECT_EQ(layer.rows.size(), 5);
  EXPECT_EQ(layer.index_keys, 5);
  ASSERT_EQ(layer.index_tiles.size(), 1);
  // Groups of 16 keys: dwords, then scale bytes.
  const std::byte* tile = layer.index_tiles.record(0);
  for (int64_t i = 0; i < tile_bytes; ++i) {
    const int64_t key = i < 32 / 2 * 16 ? i / 4 % 16 : i % 16;
    EXPECT_EQ(tile[i], key < 5 ? std::byte{0xff} : std::byte{0}) << i;
  }
  EXPECT_EQ(fork.index_tiles.record(0)[tile_bytes - 1], std::byte{0xff});
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
