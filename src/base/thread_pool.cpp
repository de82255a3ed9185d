#include "base/thread_pool.h"

#include <immintrin.h>

#include <algorithm>

#include "base/check.h"
#include "base/cores.h"

namespace fathom::base {
namespace {

// A decode step has hundreds of short operations: a sleeping thread would cost more to wake than
// most of them take. About 50 microseconds of spinning cover the gaps between them; then others may
// have the core, and then the thread sleeps.
constexpr int kSpins = 1200;
constexpr int kYields = 50;

template <typename T>
void WaitWhileEqual(const std::atomic<T>& variable, T value) {
  const auto moved = [&] { return variable.load(std::memory_order_acquire) != value; };
  for (int i = 0; i < kSpins; ++i) {
    if (moved()) return;
    _mm_pause();
  }
  for (int i = 0; i < kYields; ++i) {
    if (moved()) return;
    std::this_thread::yield();
  }
  while (!moved()) variable.wait(value);
}

}  // namespace

ThreadPool::ThreadPool(int threads, Pinning pinning) {
  FATHOM_CHECK(threads >= 1);
  std::vector<int> cores;
  if (pinning == Pinning::kOneCoreEach) cores = AvailableCores();
  workers_.reserve(static_cast<size_t>(threads - 1));
  for (int worker = 1; worker < threads; ++worker) {
    const int core = cores.empty() ? -1 : cores[static_cast<size_t>(worker) % cores.size()];
    workers_.emplace_back([this, worker, core] {
      if (core >= 0) AllowCores({&core, 1});
      WorkerLoop(worker);
    });
  }
}

ThreadPool::~ThreadPool() {
  stopping_ = true;
  epoch_.fetch_add(1, std::memory_order_release);
  epoch_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void ThreadPool::WorkerLoop(int worker) {
  uint32_t seen = 0;
  for (;;) {
    WaitWhileEqual(epoch_, seen);
    ++seen;
    if (stopping_) return;
    (*task_)(worker);
    if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) unfinished_.notify_one();
  }
}

void ThreadPool::Run(FunctionRef<void(int)> task) {
  if (!workers_.empty()) {
    ++barriers_;
    task_ = &task;
    unfinished_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
    epoch_.fetch_add(1, std::memory_order_release);
    epoch_.notify_all();
  }
  task(0);
  for (int left; (left = unfinished_.load(std::memory_order_acquire)) != 0;)
    WaitWhileEqual(unfinished_, left);
}

void ThreadPool::ForRanges(int64_t items, int64_t grain,
                           FunctionRef<void(int64_t, int64_t, int)> task) {
  const int64_t grains = (items + grain - 1) / grain;
  if (grains <= 1 || workers_.empty()) {
    if (items > 0) task(0, items, 0);
    return;
  }
  Run([&](int worker) {
    const int64_t begin = std::min(items, grains * worker / size() * grain);
    const int64_t end = std::min(items, grains * (worker + 1) / size() * grain);
    if (begin < end) task(begin, end, worker);
  });
}

void ThreadPool::ForEach(int64_t items, FunctionRef<void(int64_t, int)> task) {
  if (items <= 1 || workers_.empty()) {
    for (int64_t item = 0; item < items; ++item) task(item, 0);
    return;
  }
  std::atomic<int64_t> next{0};
  Run([&](int worker) {
    for (int64_t item; (item = next.fetch_add(1, std::memory_order_relaxed)) < items;)
      task(item, worker);
  });
}

}  // namespace fathom::base
