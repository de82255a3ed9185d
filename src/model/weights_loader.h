// From the tensors of a checkpoint to weights that the forward pass can trust.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/async_reader.h"
#include "base/memory_region.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "checkpoint/directory.h"
#include "checkpoint/progress.h"
#include "model/config.h"
#include "model/expert_source.h"
#include "model/weights.h"
#include "tensor/dtype.h"

namespace fathom::model {

/// Where the weights are, and what of the checkpoint is not used.
struct LoadReport {
  std::map<tensor::DType, uint64_t> in_place_bytes;  ///< read where the files are mapped
  /// Memory of copies: what was converted or realigned; all but the experts if nothing is mapped.
  uint64_t repacked_bytes = 0;
  std::vector<std::string> unknown_tensors;  ///< names that this model has no use for
};

struct LoadOptions {
  /// Bytes of memory for routed experts, which are then read when they are needed, while all else
  /// is in memory and nothing is mapped; 0: everything is used where the files are mapped.
  uint64_t expert_memory = 0;
  /// Reads the mapped files anew, in large pages.
  bool large_pages = false;
  /// Reads the experts. Null: the best reader that the system has.
  std::unique_ptr<base::AsyncReader> reader{};
  /// Counts the bytes read.
  checkpoint::Progress progress{};
};

/// Weights and what owns their bytes. Movable; views stay valid while the object, or what it was
/// moved to, lives.
class LoadedWeights {
 public:
  /// Opens the checkpoint in `directory` in the way that the options need, then loads it.
  static base::Result<LoadedWeights> Open(const std::string& directory, const ModelConfig& config,
                                          base::ThreadPool& pool, LoadOptions options = {});

  /// First compares every tensor of the model with the checkpoint: the first that is missing or of
  /// another type or shape is an error. Then reads all but the matrices' elements: scales that are
  /// NaN or no power of two, vectors that are not finite and expert tables that name an expert
  /// twice or one that does not exist are errors that name file, tensor and position. Which error
  /// is reported does not depend on `pool`. With expert_memory, routed experts are checked when
  /// they are read, and memory for fewer than one token's is an error that says how much that is.
  /// REQUIRES: the directory's access is kRead if and only if there is expert_memory.
  static base::Result<LoadedWeights> Load(checkpoint::TensorDirectory directory,
                                          const ModelConfig& config, base::ThreadPool& pool,
                                          LoadOptions options = {});

  const ModelWeights& weights() const { return weights_; }
  const ExpertSource& experts() const { return *experts_; }
  const LoadReport& report() const { return report_; }

 private:
  LoadedWeights(checkpoint::TensorDirectory directory, base::MemoryRegion copies,
                ModelWeights weights, std::unique_ptr<ExpertSource> experts, LoadReport report);

  checkpoint::TensorDirectory directory_;
  base::MemoryRegion copies_;
  ModelWeights weights_;
  std::unique_ptr<ExpertSource> experts_;
  LoadReport report_;
};

}  // namespace fathom::model
