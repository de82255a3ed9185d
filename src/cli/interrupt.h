// Ctrl-C as a question that a loop asks between two steps.
#pragma once

#include <csignal>

namespace fathom::cli {

/// While it lives, the first SIGINT does not end the process: it is noted. One at a time.
class InterruptGuard {
 public:
  enum class Second {
    kEndsProcess,  ///< A second SIGINT does what SIGINT does: a step of a large model takes long.
    kIsNoted,      ///< As the first: there is a session to lose.
  };

  explicit InterruptGuard(Second second);
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  /// Whether a SIGINT came since the guard was made.
  bool interrupted() const;

 private:
  struct sigaction previous_ {};
};

}  // namespace fathom::cli
