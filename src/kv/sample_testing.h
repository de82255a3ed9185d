// Sequences that look as if a model had computed them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kv/sequence_cache.h"
#include "kv/session_file.h"

namespace fathom::kv {

inline constexpr int64_t kVocab = 100;
inline constexpr base::Digest kFingerprint = {std::byte{1}, std::byte{2}, std::byte{3}};
inline const SessionModel kModel = {.fingerprint = kFingerprint, .vocab_size = kVocab};

// One layer of each kind, as small as the formats allow; the last one is an MTP layer.
inline SequenceCache EmptyCache(int64_t window = 3, std::shared_ptr<MemoryMeter> meter = nullptr) {
  const numerics::RowLayout row{.head_dim = 128, .rope_dim = 64};
  const LayerShape plain{.row = row, .window = window};
  LayerShape csa{.row = row, .window = 3, .compress_ratio = 4, .overlapped = true, .index_dim = 32};
  const LayerShape hca{.row = row, .window = 3, .compress_ratio = 16};
  return SequenceCache({plain, csa, hca, plain}, 3, std::move(meter));
}

inline void Fill(std::span<std::byte> bytes, std::mt19937& random) {
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
}

inline void FillState(CompressorState& state, std::mt19937& random) {
  std::normal_distribution<float> normal;
  for (auto* matrix : {&state.values, &state.scores})
    for (int64_t i = 0; i < matrix->rows() * matrix->cols(); ++i)
      matrix->data()[i] = normal(random);
}

// A sequence that looks as if it had computed `length` tokens, and the MTP layer one less.
struct Sample {
  explicit Sample(int64_t length) : cache(EmptyCache()) {
    std::mt19937 random(static_cast<unsigned>(length));
    for (int64_t i = 0; i < length; ++i) tokens.push_back(static_cast<int32_t>(random() % kVocab));
    const int64_t early = length / 2;
    for (const int64_t stop : {early, length}) {
      if (stop <= cache.length()) continue;
      Grow(stop, random);
      snapshots.push_back(std::make_shared<Snapshot>(cache.TakeSnapshot()));
    }
    if (snapshots.empty()) snapshots.push_back(std::make_shared<Snapshot>());
  }

  /// Goes on with `count` random tokens.
  void Extend(int64_t count, std::mt19937& random) {
    for (int64_t i = 0; i < count; ++i) tokens.push_back(static_cast<int32_t>(random() % kVocab));
    Grow(std::ssize(tokens), random);
  }

  void Grow(int64_t length, std::mt19937& random) {
    for (int64_t l = 0; l < cache.layer_count(); ++l) {
      LayerCache& layer = cache.layer(l);
      Fill({layer.window.data(), layer.window.bytes()}, random);
      if (layer.shape.compress_ratio == 0) continue;
      FillState(layer.compressor, random);
      FillState(layer.index_compressor, random);
      while (layer.rows.size() < layer.shape.RowCount(length)) {
        layer.rows.Append(1);
        Fill({layer.rows.record(layer.rows.size() - 1),
              static_cast<size_t>(layer.rows.record_bytes())},
             random);
      }
      while (layer.index_tiles.size() < layer.shape.TileCount(length)) {
        layer.index_tiles.Append(1);
        Fill({layer.index_tiles.record(layer.index_tiles.size() - 1),
              static_cast<size_t>(layer.index_tiles.record_bytes())},
             random);
      }
      layer.TruncateBlocks(length);
    }
    cache.AdvanceMtp(length - 1 - cache.mtp_length());
    cache.Advance(length - cache.length());
  }

  SessionView view() const {
    return {.cache = cache,
            .tokens = tokens,
            .note = note,
            .snapshots = snapshots,
            .fingerprint = kFingerprint};
  }

  SequenceCache cache;
  std::vector<int32_t> tokens;
  std::string note = "what was said";
  std::vector<std::shared_ptr<const Snapshot>> snapshots;
};

}  // namespace fathom::kv
