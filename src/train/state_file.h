// What a stopped training goes on from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "train/muon.h"

namespace fathom::train {

/// Where a training stands. Two files: DIR/state.json names a DIR/state-STEP.safetensors, and is
/// replaced at once after that one is whole.
struct TrainingState {
  int64_t step = 0;      ///< steps done
  std::string identity;  ///< of what the steps depend on: TextUpTo, and the files that it names
  std::vector<StateTensor> tensors;
};

/// Writes a state and removes the one before it.
base::Status WriteState(const std::string& directory, const TrainingState& state);

/// How far the training in `directory` is and what it is; nothing if there is none. Its tensors are
/// not read. Errors name the file.
base::Result<std::optional<TrainingState>> FindState(const std::string& directory);

/// Reads the tensors of the state of that step into `tensors`, whose names, types and shapes must
/// be those of the file.
base::Status ReadState(const std::string& directory, int64_t step,
                       const std::vector<StateTensor>& tensors);

}  // namespace fathom::train
