// A fixed set of threads that split one operation at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "base/function_ref.h"

namespace fathom::base {

/// Runs an operation on `size()` threads, the caller's included. One caller at a time. Which thread
/// computes what never changes a result: every output element has one fixed order of additions.
class ThreadPool {
 public:
  /// Whether each thread stays on a core of its own. The caller's thread is not the pool's to pin:
  /// others that it starts would inherit its core. It is left the first one.
  enum class Pinning : uint8_t { kNone, kOneCoreEach };

  /// `threads` >= 1; 1 starts none and runs everything in the caller.
  explicit ThreadPool(int threads, Pinning pinning = Pinning::kNone);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  /// Operations that all threads took part in so far. Each ends with a barrier.
  int64_t barriers() const { return barriers_; }

  /// Calls task(worker) once for every worker in [0, size()) and returns when all have returned.
  void Run(FunctionRef<void(int worker)> task);

  /// Splits [0, items) into one contiguous range a thread, with borders at multiples of `grain`,
  /// and calls task(begin, end, worker) for those that are not empty.
  void ForRanges(int64_t items, int64_t grain,
                 FunctionRef<void(int64_t begin, int64_t end, int worker)> task);

  /// Calls task(item, worker) for every item in [0, items). Each thread goes through a contiguous
  /// share in order, and then takes what others have left from the ends of theirs: items may be of
  /// uneven cost, and those that lie side by side in memory are mostly read as one stream.
  /// REQUIRES: items < 2^32.
  void ForEach(int64_t items, FunctionRef<void(int64_t item, int worker)> task);

 private:
  /// The items that are left of a thread's share: [begin, end) in one word, on a cache line of its
  /// own.
  class alignas(64) Share {
   public:
    void Reset(int64_t begin, int64_t end);
    /// The first item; -1 if none is left.
    int64_t TakeFirst();
    int64_t TakeLast();

   private:
    std::atomic<uint64_t> range_{0};
  };

  void WorkerLoop(int worker);
  int64_t TakeItem(int worker);

  int64_t barriers_ = 0;
  std::vector<std::thread> workers_;
  std::vector<Share> shares_;  // of ForEach, one a thread
  const FunctionRef<void(int)>* task_ = nullptr;
  std::atomic<uint32_t> epoch_{0};  // counts operations started; workers wait for it to move
  std::atomic<int> unfinished_{0};  // workers that have not returned from the current operation
  std::atomic<bool> stopping_{false};
};

}  // namespace fathom::base
