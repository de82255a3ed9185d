// Rotary embedding with YaRN interpolation (paper, section 2.3.3).
#pragma once

#include <cstdint>
#include <vector>

#include "model/config.h"

namespace fathom::model {

/// The rotation of one kind of layer: frequencies of adjacent pairs.
class Rope {
 public:
  Rope(const RopePlan& plan, int64_t rope_dim);

  int64_t pairs() const { return static_cast<int64_t>(frequencies_.size()); }
  const std::vector<float>& frequencies() const { return frequencies_; }

  /// Cosines and sines [pairs] of float32(position * frequency).
  void Rotation(int64_t position, float* cosines, float* sines) const;

 private:
  std::vector<float> frequencies_;
};

}  // namespace fathom::model
