// Using tools: made-up sessions, in which the model makes each next step.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "evaluate/examinee.h"
#include "evaluate/watch.h"

namespace fathom::evaluate {

struct ToolsEvalOptions {
  std::vector<int64_t> turns = {10, 50};  ///< of a session
  int64_t samples = 1;                    ///< sessions of each length
  uint64_t seed = 1;
};

/// How the turns at one place of sessions of one length went.
struct ToolsRow {
  int64_t turns = 0;
  int64_t turn = 0;          ///< from 1
  int64_t well_formed = 0;   ///< every step parses without a fault
  int64_t right_call = 0;    ///< every step calls the right tools with the right arguments
  int64_t right_answer = 0;  ///< and the answer is the expected one, word for word
  int64_t total = 0;
};

/// Examines sessions of data/tool_session.h. Before each step the model sees the session as it
/// should have gone so far: a mistake does not spoil what follows. Right arguments are equal as
/// JSON; the order of calls counts, that of arguments does not.
base::Result<std::vector<ToolsRow>> EvaluateTools(Examinee& examinee,
                                                  const ToolsEvalOptions& options,
                                                  const EvalWatch& watch);

}  // namespace fathom::evaluate
