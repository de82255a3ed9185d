#include "text/bpe.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <numeric>
#include <random>
#include <string>

namespace fathom::text {
namespace {

std::array<int32_t, 256> ByteTokens() {
  std::array<int32_t, 256> tokens;
  std::iota(tokens.begin(), tokens.end(), 0);
  return tokens;
}

// The definition: find the pair of the lowest rank, leftmost first, merge it, start over.
std::vector<int32_t> EncodeByDefinition(std::string_view piece,
                                        const std::vector<MergeRule>& merges) {
  std::map<std::pair<int32_t, int32_t>, size_t> ranks;
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    ranks[{merges[rank].left, merges[rank].right}] = rank;
  }
  std::vector<int32_t> ids;
  for (const char c : piece) ids.push_back(static_cast<uint8_t>(c));
  while (true) {
    size_t best_rank = SIZE_MAX;
    size_t best = 0;
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto found = ranks.find({ids[i], ids[i + 1]});
      if (found != ranks.end() && found->second < best_rank) {
        best_rank = found->second;
        best = i;
      }
    }
    if (best_rank == SIZE_MAX) return ids;
    ids[best] = merges[best_rank].merged;
    ids.erase(ids.begin() + static_cast<ptrdiff_t>(best) + 1);
  }
}

TEST(Bpe, MergesAsDefined) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<MergeRule> merges;
    std::vector<int32_t> pool = {'a', 'b', 'c'};
    for (int32_t next = 256; next < 286; ++next) {
      merges.push_back({pool[random() % pool.size()], pool[random() % pool.size()], next});
      pool.push_back(next);
    }
    const Bpe bpe(ByteTokens(), merges);
    BpeScratch scratch;
    for (int i = 0; i < 20; ++i) {
      std::string piece(random() % 80, ' ');
      for (char& c : piece) c = static_cast<char>('a' + random() % 3);
      std::vector<int32_t> ids;
      bpe.Encode(piece, scratch, ids);
      ASSERT_EQ(ids, EncodeByDefinition(piece, merges)) << piece;
    }
  }
}

TEST(Bpe, WithoutMergesGivesBytes) {
  BpeScratch scratch;
  std::vector<int32_t> ids = {7};
  Bpe(ByteTokens(), {}).Encode("\xFFz", scratch, ids);
  EXPECT_EQ(ids, (std::vector<int32_t>{7, 255, 'z'})) << "appends";
}

// Quadratic work on two million bytes takes hours; the limit is far from both.
TEST(Bpe, TakesLongPiecesInStride) {
  std::vector<MergeRule> merges = {{'a', 'a', 256}};
  for (int32_t id = 256; id < 266; ++id) merges.push_back({id, id, id + 1});
  const Bpe bpe(ByteTokens(), merges);
  BpeScratch scratch;
  std::vector<int32_t> ids;
  const auto start = std::chrono::steady_clock::now();
  bpe.Encode(std::string(2 << 20, 'a'), scratch, ids);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
  EXPECT_EQ(ids, std::vector<int32_t>(1024, 266));
}

}  // namespace
}  // namespace fathom::text
