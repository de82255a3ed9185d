// Pseudo-random tensor contents that can be made from any element on.
#pragma once

#include <cstddef>
#include <cstdint>

#include "model/tensor_names.h"

namespace fathom::model {

/// The contents of one tensor of one random checkpoint. Every element depends on the seed, the
/// tensor's name and its own position alone, so that threads may share the work in any way.
class RandomValues {
 public:
  RandomValues(const TensorSlot& slot, uint64_t seed);

  /// Begins and ends given to Fill are multiples of this many elements, or the tensor's end.
  int64_t grain() const;
  /// Writes the stored elements [begin, end) to `out`. Matrices and vectors get the slot's mean and
  /// deviation; a quantised matrix has them together with its scales.
  void Fill(int64_t begin, int64_t end, std::byte* out) const;

 private:
  void FillCodes(int64_t begin, int64_t end, std::byte* out) const;
  void FillScales(int64_t begin, int64_t end, std::byte* out) const;
  template <typename T>
  void FillNormal(int64_t begin, int64_t end, std::byte* out) const;
  void FillExpertIds(int64_t begin, int64_t end, std::byte* out) const;

  const TensorSlot& slot_;
  uint64_t key_;
};

}  // namespace fathom::model
