// Parameters from a checkpoint in the official layout, and back.
#pragma once

#include <string>

#include "base/result.h"
#include "train/parameters.h"

namespace fathom::train {

/// Reads every tensor of the checkpoint in `directory`. Errors name the file and the tensor.
base::Status ReadParameters(const std::string& directory, const ParameterTable& table);

/// Writes shards and their index to `directory`, which is created: matrices in their formats,
/// rounded as a forward pass with kEveryRounding rounds them, everything else rounded to its type.
base::Status WriteParameters(const std::string& directory, const ParameterTable& table);

}  // namespace fathom::train
