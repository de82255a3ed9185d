// Operations over the rows of a million tokens: every tier against portable, and independence of
// batch and threads.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/dispatch.h"
#include "kernels/tiers.h"
#include "ops/attention.h"
#include "ops/index_select.h"

namespace fathom::ops {
namespace {

constexpr int64_t kTokens = int64_t{1} << 20;

std::mt19937& Random() {
  static std::mt19937 random(20);
  return random;
}

std::vector<float> RandomFloats(int64_t n) {
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(n));
  for (float& value : values) value = normal(Random());
  return values;
}

// -- Indexer --------------------------------------------------------------------------------------

constexpr int64_t kIndexHeads = 4, kIndexDim = 128, kTopK = 512;
constexpr int64_t kKeys = kTokens / 4;

const kv::PagedRecords& Keys() {
  static const kv::PagedRecords keys = [] {
    constexpr kernels::IndexKeyLayout kLayout{kIndexDim};
    constexpr int64_t kTiles = kKeys / kernels::kIndexTile;
    kv::PagedRecords tiles(kLayout.tile_bytes(), 32);
    tiles.Append(kTiles);
    for (int64_t t = 0; t < kTiles; ++t) {
      std::byte* tile = tiles.record(t);
      for (int64_t i = 0; i < kLayout.code_bytes(); i += 4) {
        const uint32_t codes = Random()();
        std::memcpy(tile + i, &codes, sizeof codes);
      }
      for (int64_t i = kLayout.code_bytes(); i < kLayout.tile_bytes(); ++i)
        tile[i] = static_cast<std::byte>(120 + Random()() % 8);
    }
    return tiles;
  }();
  return keys;
}

struct Scan {
  std::vector<int8_t> codes = std::vector<int8_t>(kIndexHeads * kIndexDim);
  std::vector<float> scales = std::vector<float>(kIndexHeads * kIndexDim / 32, 0.25f);
  std::vector<float> weights = RandomFloats(kIndexHeads);

  Scan() {
    constexpr int8_t kDoubled[] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    for (int8_t& code : codes) code = kDoubled[Random()() % 16];
  }

  /// The rows that two queries select, one of which sees 5 keys less.
  std::vector<int32_t> Select(const kernels::KernelTable& kernels, int threads) const {
    base::ThreadPool pool(threads);
    Context context(kernels, pool, 0);
    GrowingScratch scratch;
    std::vector<int32_t> selected(2 * kTopK);
    std::vector<IndexQuery> queries(2, {.query = codes.data(),
                                        .scales = scales.data(),
                                        .head_weights = weights.data(),
                                        .tiles = &Keys(),
                                        .visible = kKeys,
                                        .selected = selected.data()});
    queries[1].visible -= 5;
    queries[1].selected += kTopK;
    SelectRows(context, {.heads = kIndexHeads, .dim = kIndexDim, .top_k = kTopK}, queries, scratch);
    return selected;
  }
};

TEST(Depth, EveryTierSelectsTheSameRows) {
  const Scan scan;
  const std::vector<int32_t> want = scan.Select(kernels::PortableKernels(), 1);
  EXPECT_GT(want[kTopK - 1], kKeys / 2);
  for (const kernels::KernelTable* tier : kernels::SupportedKernels())
    for (const int threads : {1, 3}) EXPECT_EQ(scan.Select(*tier, threads), want) << tier->name;
}

// -- Attention ------------------------------------------------------------------------------------

constexpr numerics::RowLayout kRow{512, 64};
constexpr int64_t kHeads = 20, kWindow = 128;
constexpr int64_t kRows = kTokens / 128;

struct Rows {
  kv::PagedRecords compressed{kRow.row_bytes(), 64};
  tensor::Matrix<std::byte> ring{kWindow, kRow.row_bytes()};
  std::vector<float> query = RandomFloats(kHeads * kRow.head_dim);
  std::vector<float> sinks = RandomFloats(kHeads);

  Rows() {
    const auto pack = kernels::PortableKernels().pack_row;
    compressed.Append(kRows);
    for (int64_t r = 0; r < kRows; ++r)
      pack(RandomFloats(kRow.head_dim).data(), kRow, compressed.record(r));
    for (int64_t r = 0; r < kWindow; ++r)
      pack(RandomFloats(kRow.head_dim).data(), kRow, ring.row(r));
  }

  /// The last position of a million tokens, `copies` times.
  std::vector<float> Attend(const kernels::KernelTable& kernels, int threads, size_t copies) const {
    const AttentionParams params = {.layout = kRow,
                                    .heads = kHeads,
                                    .key_dim = kRow.head_dim,
                                    .value_dim = kRow.head_dim,
                                    .sinks = sinks.data(),
                                    .scale = 0.1f};
    base::ThreadPool pool(threads);
    Context context(kernels, pool, AttentionScratchBytes(params));
    const VisibleRows visible = {.window = {.ring = &ring,
                                            .fresh = nullptr,
                                            .first_fresh = kTokens,
                                            .row_bytes = kRow.row_bytes()},
                                 .window_begin = kTokens - kWindow,
                                 .window_end = kTokens,
                                 .rows = &compressed,
                                 .row_count = kRows};
    std::vector<float> queries;
    for (size_t i = 0; i < copies; ++i) queries.insert(queries.end(), query.begin(), query.end());
    std::vector<float> out(queries.size());
    GrowingScratch partial;
    ops::Attend(context, params, std::vector<VisibleRows>(copies, visible), queries.data(),
                out.data(), partial);
    return out;
  }
};

TEST(Depth, AttentionAgreesWithPortableAndDependsOnNothingElse) {
  const Rows rows;
  const std::vector<float> want = rows.Attend(kernels::PortableKernels(), 1, 1);
  double norm = 0;
  for (const float value : want) norm += double{value} * value;
  for (const kernels::KernelTable* tier : kernels::SupportedKernels()) {
    const std::vector<float> alone = rows.Attend(*tier, 1, 1);
    double error = 0;
    for (size_t i = 0; i < want.size(); ++i)
      error += (double{alone[i]} - want[i]) * (double{alone[i]} - want[i]);
    // Sums of 8,320 weighted rows; their roundings add up like a random walk.
    EXPECT_LE(std::sqrt(error / norm), 1e-5) << tier->name;
    EXPECT_EQ(rows.Attend(*tier, 3, 1), alone) << tier->name;
    // With several tokens, each thread takes the spans of a token one after the other.
    const std::vector<float> together = rows.Attend(*tier, 2, 5);
    for (size_t i = 0; i < together.size(); i += alone.size())
      EXPECT_TRUE(std::equal(alone.begin(), alone.end(), together.begin() + static_cast<long>(i)))
          << tier->name;
  }
}

}  // namespace
}  // namespace fathom::ops
