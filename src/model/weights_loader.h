// From the tensors of a checkpoint to weights that the forward pass can trust.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "checkpoint/directory.h"
#include "checkpoint/progress.h"
#include "model/config.h"
#include "model/weights.h"
#include "tensor/dtype.h"
#include "tensor/matrix.h"

namespace fathom::model {

/// Where the weights are, and what of the checkpoint is not used.
struct LoadReport {
  std::map<tensor::DType, uint64_t> in_place_bytes;  ///< read where the files are mapped
  uint64_t repacked_bytes = 0;                       ///< memory of converted or realigned copies
  std::vector<std::string> unknown_tensors;          ///< names that this model has no use for
};

/// Weights and what owns their bytes. Movable; views stay valid while the object, or what it was
/// moved to, lives.
class LoadedWeights {
 public:
  /// First compares every tensor of the model with the checkpoint: the first that is missing or of
  /// another type or shape is an error. Then reads all but the matrices' elements: scales that are
  /// NaN or no power of two, vectors that are not finite and expert tables that name an expert
  /// twice or one that does not exist are errors that name file, tensor and position. Which error
  /// is reported does not depend on `pool`. `progress` counts the bytes read.
  static base::Result<LoadedWeights> Load(checkpoint::TensorDirectory directory,
                                          const ModelConfig& config, base::ThreadPool& pool,
                                          const checkpoint::Progress& progress = {});

  const ModelWeights& weights() const { return weights_; }
  const LoadReport& report() const { return report_; }

 private:
  LoadedWeights(checkpoint::TensorDirectory directory, tensor::Matrix<std::byte> repacked,
                ModelWeights weights, LoadReport report)
      : directory_(std::move(directory)),
        repacked_(std::move(repacked)),
        weights_(std::move(weights)),
        report_(std::move(report)) {}

  checkpoint::TensorDirectory directory_;
  tensor::Matrix<std::byte> repacked_;
  ModelWeights weights_;
  LoadReport report_;
};

}  // namespace fathom::model
