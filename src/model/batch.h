// The tokens that one forward pass computes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kv/sequence_cache.h"
#include "model/rope.h"
#include "tensor/matrix.h"

namespace fathom::model {

/// The next tokens of one sequence: the rest of a prompt, a piece of it, or one sampled token.
struct Slice {
  kv::SequenceCache* cache = nullptr;
  std::span<const int32_t> tokens;
};

/// A batch laid out flat: token t of the batch belongs to a slice and has a position in its
/// sequence. Holds the rotations of every token. Rebuilt for each pass without allocating.
class Batch {
 public:
  /// A contiguous run of tokens of one sequence.
  struct Run {
    kv::SequenceCache* cache = nullptr;
    int64_t first_token = 0;  ///< in the batch
    int64_t count = 0;
    int64_t first_position = 0;  ///< in the sequence
  };

  Batch(int64_t max_tokens, int64_t rope_dim);

  /// Starts the batch `slices`; positions follow those that layer `layer` of each cache has seen.
  void Assign(std::span<const Slice> slices, int64_t layer);

  /// Computes the rotations of all tokens.
  void Rotate(const Rope& window, const Rope& compressed);

  int64_t tokens() const { return static_cast<int64_t>(ids_.size()); }
  std::span<const Run> runs() const { return runs_; }
  int32_t id(int64_t token) const { return ids_[static_cast<size_t>(token)]; }
  int64_t position(int64_t token) const { return positions_[static_cast<size_t>(token)]; }

  /// Cosines and sines of one token, for layers with compressed rows or for those without.
  struct Rotation {
    const float* cosines;
    const float* sines;
    const float* negative_sines;  ///< for the inverse rotation
  };
  Rotation rotation(int64_t token, bool compressed) const;

 private:
  std::vector<Run> runs_;
  std::vector<int32_t> ids_;
  std::vector<int64_t> positions_;
  tensor::Matrix<float> rotations_;  ///< [max_tokens, 2 x (cosines, sines, negative sines)]
  int64_t pairs_;
};

}  // namespace fathom::model
