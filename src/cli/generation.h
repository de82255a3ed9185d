// One request from its submission to its end.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/interrupt.h"
#include "engine/engine.h"

namespace fathom::cli {

struct Generated {
  engine::Completion completion;
  std::vector<engine::TokenEvent> tokens;  ///< if the request asks for logprobs
};

/// Runs `request`, alone in the engine, and hands each piece of its text to `print` as it arrives.
/// A Ctrl-C that `interrupt` notes ends it with kCancelled. If `print` fails, the request ends and
/// that is the error; if the engine refuses the request, or cannot finish it, its reason is. How
/// far a long prompt is shows on a terminal.
base::Result<Generated> Generate(engine::Engine& engine, engine::Request request,
                                 const InterruptGuard& interrupt,
                                 const std::function<base::Status(std::string_view)>& print);

}  // namespace fathom::cli
