// Where the forward pass gets its routed experts from: a mapped checkpoint, or a cache that reads
// them when they are needed (cached_experts.h).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "model/weights.h"

namespace fathom::model {

/// An expert of a layer, and how many tokens of the batch chose it.
struct ExpertUse {
  int32_t expert = 0;
  int32_t tokens = 0;
};

/// Experts to compute with, pinned until the next call of Acquire.
using ExpertGroup = std::span<const ExpertWeights* const>;

/// What reading experts took, since the model was loaded.
struct ExpertStatistics {
  int64_t uses = 0;  ///< experts that were computed with, once a layer and pass
  int64_t reads = 0;
  uint64_t bytes_read = 0;
  double wait_seconds = 0;  ///< in which nothing was computed because an expert was not there

  ExpertStatistics operator-(const ExpertStatistics& earlier) const {
    return {uses - earlier.uses, reads - earlier.reads, bytes_read - earlier.bytes_read,
            wait_seconds - earlier.wait_seconds};
  }
};

/// Gives out the experts of a layer group by group. `layer` counts the model's layers, then the MTP
/// layers; `uses` is ascending, without repetition, and not empty. Used by one thread at a time.
class ExpertSource {
 public:
  virtual ~ExpertSource() = default;
  ExpertSource() = default;
  ExpertSource(const ExpertSource&) = delete;
  ExpertSource& operator=(const ExpertSource&) = delete;

  /// A forward pass begins: what an earlier one announced and did not acquire is not needed.
  virtual void BeginPass() = 0;
  /// Announces that the layer will be computed with these experts. Returns at once.
  virtual void Prefetch(int64_t layer, std::span<const ExpertUse> uses) = 0;
  /// Waits for the first of these experts and returns as many of the first ones as are there. The
  /// group before is let go. An error names the file that an expert could not be read from, or the
  /// tensor that is damaged.
  virtual base::Result<ExpertGroup> Acquire(int64_t layer, std::span<const ExpertUse> uses) = 0;

  virtual ExpertStatistics statistics() const = 0;
};

/// The routed experts of `weights` by layer, the MTP layers last. Valid while the vectors in
/// `weights` keep their sizes.
std::vector<std::span<const ExpertWeights>> ListExperts(const ModelWeights& weights);

/// All experts where they lie: nothing is read or waited for here.
class MappedExperts final : public ExpertSource {
 public:
  explicit MappedExperts(std::vector<std::span<const ExpertWeights>> layers)
      : layers_(std::move(layers)) {}

  void BeginPass() override {}
  void Prefetch(int64_t, std::span<const ExpertUse>) override {}
  base::Result<ExpertGroup> Acquire(int64_t layer, std::span<const ExpertUse> uses) override;
  ExpertStatistics statistics() const override { return {}; }

 private:
  std::vector<std::span<const ExpertWeights>> layers_;
  std::vector<const ExpertWeights*> group_;
};

}  // namespace fathom::model
