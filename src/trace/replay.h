// Runs a trace again and finds where it goes another way.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "engine/engine.h"
#include "trace/comparison.h"
#include "trace/recording.h"

namespace fathom::trace {

struct ReplayOptions {
  /// Where the model is.
  std::string model_directory;
  /// Threads, and where weights and experts are: what answers do not depend on. The rest is what
  /// the trace says.
  engine::EngineOptions engine{};
  /// The files of the cache as they were when the trace began, which change. Empty: there were
  /// none, or the cache's decisions are not compared.
  std::string kv_directory{};
  /// Makes a constraint again of what it had described itself as (TokenConstraint::Describe). If it
  /// is empty, a trace with constraints cannot be run.
  std::function<base::Result<std::shared_ptr<engine::TokenConstraint>>(const std::string&)>
      make_constraint{};
  /// Called with tokens compared and tokens in all.
  std::function<void(int64_t done, int64_t total)> on_progress{};
};

struct ReplayReport {
  int64_t requests = 0;
  int64_t tokens = 0;     ///< compared
  int64_t decisions = 0;  ///< of the cache, compared
  std::optional<Difference> difference{};
  std::string isa{};  ///< the kernels that were used now
  /// Why the cache's decisions were not compared; empty: they were.
  std::string decisions_left_out{};
};

/// Has an engine do what the trace says, up to its end or the first difference. Fails if the model
/// is another one, or cannot be opened, or if it does not take a request.
///
/// The steps of the engine are the clock: a request is handed in, and cancelled, after as many
/// steps as then. So the cache decides the same. Where its decisions cannot be compared, since they
/// depend on files that are gone or on a disk that failed, requests are handed in as soon as there
/// is room and end where they ended, whatever the step.
base::Result<ReplayReport> Replay(const Recording& recording, const ReplayOptions& options);

}  // namespace fathom::trace
