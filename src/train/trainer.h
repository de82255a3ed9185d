// A training from beginning to end. Who includes this needs no LibTorch.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "train/curves.h"

namespace fathom::train {

struct TrainingOptions {
  std::string recipe{};   ///< path of the recipe
  std::string out{};      ///< directory of everything that is written
  std::string from{};     ///< checkpoint to begin with, its tokenizer included; empty: at random
  int64_t lora_rank = 0;  ///< trains adapters of that rank; 0: all parameters
  int threads = 1;        ///< each computes batches of its own
};

struct StepReport {
  CurvePoint point;
  std::vector<ExamPoint> exams;  ///< that were held after it
  int64_t steps = 0;             ///< of the whole training
  int64_t step_tokens = 0;       ///< of this step
  double seconds = 0;            ///< of this step
};

struct TrainingEnd {
  bool is_complete = false;  ///< false: stopped, to go on when it is started again
  std::string model;         ///< the checkpoint's directory
};

/// Trains, or goes on where an earlier call in the same directory stopped, however it ended: the
/// result has the same bits as if it had not, on any number of threads. Calls `on_step` after every
/// step; if that returns false, the training saves its state and stops. Either way OUT/model holds
/// a checkpoint in the official layout at the end, OUT/curves.csv the losses, and OUT/exams.csv
/// what the recipe's exams found.
///
/// Errors name the file and the key, or the step at which the loss is no number any more.
base::Result<TrainingEnd> Train(const TrainingOptions& options,
                                const std::function<bool(const StepReport&)>& on_step);

/// Whether the BLAS that this program runs with is OpenBLAS: training is many times slower without.
bool HasOpenBlas();

}  // namespace fathom::train
