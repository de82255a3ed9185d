// What there is to say about a checkpoint, gathered by opening it.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "checkpoint/progress.h"
#include "cli/json.h"
#include "model/config.h"
#include "model/cost.h"
#include "model/weights_loader.h"

namespace fathom::cli {

struct Inspection {
  std::string directory;
  model::ModelConfig config;
  model::ParameterCount parameters;
  model::LoadReport weights;
  double published_kv_per_token = 0;  ///< bytes, see kv_figures.h
  double engine_kv_per_token = 0;
  int64_t engine_kv_fixed = 0;
  std::vector<std::string> isas;  ///< kernels that can run here, best first
  std::string isa;                ///< those in use
  bool has_tokenizer = false;
  /// What is wrong or unused without keeping the model from computing, a line each.
  std::vector<std::string> problems;
};

/// Opens the checkpoint as the engine would and looks at everything but the matrices' elements.
base::Result<Inspection> InspectCheckpoint(const std::string& directory, base::ThreadPool& pool,
                                           const checkpoint::Progress& progress);

/// As people read it.
std::string FormatInspection(const Inspection& inspection);

Json InspectionToJson(const Inspection& inspection);

}  // namespace fathom::cli
