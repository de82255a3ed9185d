// Routed experts of a checkpoint that is larger than memory: read when a layer needs them, and kept
// as long as there is room.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/async_reader.h"
#include "base/memory_region.h"
#include "checkpoint/directory.h"
#include "model/expert_layout.h"
#include "model/expert_slots.h"
#include "model/expert_source.h"

namespace fathom::model {

struct ExpertCacheOptions {
  uint64_t memory = 0;  ///< bytes of experts to hold; what is beyond all experts is not used
  int64_t experts_per_layer = 0;
  int64_t experts_per_token = 0;  ///< the fewest to hold
  ExpertWeights shape;            ///< formats and extents, the same for all
  std::unique_ptr<base::AsyncReader> reader;
};

/// A bounded cache in front of the files. Contents are checked when they arrive: a scale that is
/// NaN, or no power of two, is an error of Acquire, as is a file that cannot be read. An expert
/// that failed is read again when it is asked for again. docs/design/experts.md says why so.
class CachedExperts final : public ExpertSource {
 public:
  /// `experts` lists those of all layers, MTP layers last. Memory for fewer than experts_per_token
  /// is an error that says how much that takes. The tensors must outlive the object. REQUIRES: the
  /// directory's access is kRead.
  static base::Result<std::unique_ptr<CachedExperts>> Create(
      const checkpoint::TensorDirectory& directory, const std::vector<StoredExpert>& experts,
      ExpertCacheOptions options);

  void BeginPass() override { slots_.BeginPass(); }
  void Prefetch(int64_t layer, std::span<const ExpertUse> uses) override;
  base::Result<ExpertGroup> Acquire(int64_t layer, std::span<const ExpertUse> uses) override;
  ExpertStatistics statistics() const override { return statistics_; }

  /// Experts that there is room for.
  int64_t capacity() const { return slots_.slots(); }

 private:
  struct Expert {
    StoredExpert stored;
    ExpertLayout layout;
  };
  // What becomes of a slot that is being filled.
  struct Fill {
    size_t stretches_left = 0;
    std::optional<base::Error> error;
  };
  struct Outcome {
    int64_t expert = 0;
    base::Status status;
  };

  CachedExperts(std::vector<base::OpenFile> files, std::vector<Expert> experts,
                ExpertCacheOptions options, base::MemoryRegion memory, uint64_t slot_bytes);

  int64_t IdOf(int64_t layer, const ExpertUse& use) const;
  std::byte* SlotData(size_t slot) { return memory_.data() + slot * slot_bytes_; }
  base::Status Await(int64_t expert);
  void TakeArrived();
  void StartReading(int64_t expert, size_t slot);
  void SubmitReads();
  std::optional<Outcome> Take(const base::ReadCompletion& completion);
  base::Error DescribeFault(const FileStretch& stretch, int error) const;
  base::Status Finish(const Expert& expert, std::byte* data);

  std::vector<base::OpenFile> files_;
  std::vector<Expert> experts_;
  ExpertCacheOptions options_;
  base::MemoryRegion memory_;
  uint64_t slot_bytes_;
  ExpertSlots slots_;
  std::vector<Fill> fills_;              // by slot
  std::vector<ExpertWeights> contents_;  // by slot
  std::vector<const ExpertWeights*> group_;
  std::vector<base::ReadRequest> requests_;  // not submitted yet
  int64_t read_ahead_;
  ExpertStatistics statistics_;
  std::unique_ptr<base::AsyncReader> reader_;  // last: its end waits for reads into memory_
};

}  // namespace fathom::model
