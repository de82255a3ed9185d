// What an examination tells while it goes on.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace fathom::evaluate {

/// What the model should have said and what it did say.
struct Mistake {
  int64_t length = 0;  ///< tokens of the context, or turns of the session
  double place = 0;    ///< the fact's depth, as RecallRow has it, or the turn
  std::string question;
  std::string expected;  ///< an answer, or calls as NAME(ARGUMENTS), a line each
  std::string said;
};

/// Both may be empty.
struct EvalWatch {
  std::function<void(int64_t done, int64_t total)> on_progress;  ///< questions or turns
  std::function<void(const Mistake&)> on_mistake;
};

}  // namespace fathom::evaluate
