#include "kernels/caches.h"

#include <unistd.h>

namespace fathom::kernels {

int64_t FirstCacheBytes() {
  static const int64_t kBytes = [] {
    const int64_t bytes = sysconf(_SC_LEVEL1_DCACHE_SIZE);
    return bytes > 0 ? bytes : int64_t{32} << 10;
  }();
  return kBytes;
}

}  // namespace fathom::kernels
