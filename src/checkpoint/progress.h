// How long operations on checkpoints say how far they are.
#pragma once

#include <cstdint>
#include <functional>

namespace fathom::checkpoint {

/// Called now and then, from the calling thread, with the bytes done so far of all bytes. Empty for
/// nobody listening.
using Progress = std::function<void(uint64_t done, uint64_t total)>;

}  // namespace fathom::checkpoint
