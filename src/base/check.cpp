#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace fathom::base {

void CheckFailed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "fathom: internal error: %s does not hold (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace fathom::base
