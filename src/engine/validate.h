// Checks of what callers ask for.
#pragma once

#include "base/result.h"
#include "engine/engine.h"

namespace fathom::engine {

/// Whether the engine can be opened so; `positions` is what the model was made for.
base::Status CheckOptions(const EngineOptions& options, int64_t positions);

/// Whether the request can run at all. The error names the field.
base::Status CheckRequest(const Request& request, const EngineInfo& info);

}  // namespace fathom::engine
