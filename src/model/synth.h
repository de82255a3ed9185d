// Random checkpoints in the official layout: for measuring speed and for tests where no trained
// weights are at hand.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/thread_pool.h"
#include "checkpoint/progress.h"

namespace fathom::model {

struct SynthOptions {
  std::optional<int64_t> layers = {};   ///< keep the first so many layers of the pattern; none: all
  std::optional<int64_t> experts = {};  ///< routed experts a layer; none: as configured
  uint64_t seed = 1;  ///< the same seed gives the same bytes, with any thread count
};

/// `config_json` with fewer layers and experts: compress_ratios keeps its beginning and the MTP
/// blocks' entries, and num_hash_layers and num_experts_per_tok are lowered where they must be.
/// Errors name `source`, or the option that is out of range.
base::Result<std::string> CutConfig(std::string_view config_json, const std::string& source,
                                    const SynthOptions& options);

/// Writes config.json, as CutConfig gives it, and shards with their index to `directory`, which is
/// created. The values keep activations at about 1, as InitialValues of each tensor say. Memory
/// does not grow with the checkpoint. `progress` counts bytes of tensor data.
base::Status WriteRandomCheckpoint(const std::string& directory, std::string_view config_json,
                                   const std::string& source, const SynthOptions& options,
                                   base::ThreadPool& pool,
                                   const checkpoint::Progress& progress = {});

}  // namespace fathom::model
