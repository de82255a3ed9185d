// What kernels need to know of the processor's caches.
#pragma once

#include <cstdint>

namespace fathom::kernels {

/// Bytes of a core's first-level data cache; 32 KiB where the system does not say.
int64_t FirstCacheBytes();

}  // namespace fathom::kernels
