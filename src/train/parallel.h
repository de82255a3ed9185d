// Work side by side that may throw, as LibTorch's does.
#pragma once

#include <cstdint>
#include <exception>
#include <vector>

#include "base/thread_pool.h"

namespace fathom::train {

/// Calls task(item) for the items [0, count), each on one of the pool's threads, and throws what
/// the first of them that threw did once all have ended.
template <typename Task>
void ForEachOrThrow(base::ThreadPool& pool, int64_t count, const Task& task) {
  std::vector<std::exception_ptr> failures(static_cast<size_t>(count));
  pool.ForEach(count, [&](int64_t item, int) {
    try {
      task(item);
    } catch (...) {
      failures[static_cast<size_t>(item)] = std::current_exception();
    }
  });
  for (const std::exception_ptr& failure : failures)
    if (failure) std::rethrow_exception(failure);
}

}  // namespace fathom::train
