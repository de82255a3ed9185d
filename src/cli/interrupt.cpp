#include "cli/interrupt.h"

#include "base/check.h"

namespace fathom::cli {
namespace {

volatile std::sig_atomic_t noted = 0;

void NoteSignal(int) { noted = 1; }

}  // namespace

InterruptGuard::InterruptGuard(Second second) {
  noted = 0;
  struct sigaction action {};
  action.sa_handler = NoteSignal;
  // Writes under way go on: what was generated is not to be lost half way.
  action.sa_flags = SA_RESTART | (second == Second::kEndsProcess ? SA_RESETHAND : 0);
  sigemptyset(&action.sa_mask);
  FATHOM_CHECK(::sigaction(SIGINT, &action, &previous_) == 0);
}

InterruptGuard::~InterruptGuard() { FATHOM_CHECK(::sigaction(SIGINT, &previous_, nullptr) == 0); }

bool InterruptGuard::interrupted() const { return noted != 0; }

}  // namespace fathom::cli
