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

void ThreadPool::Share::Reset(int64_t begin, int64_t end) {
  range_.store(static_cast<uint64_t>(begin) | static_cast<uint64_t>(end) << 32,
               std::memory_order_relaxed);
}

int64_t ThreadPool::Share::TakeFirst() {
  for (uint64_t range = range_.load(std::memory_order_relaxed);;) {
    const uint64_t begin = range & UINT32_MAX, end = range >> 32;
    if (begin == end) return -1;
    if (range_.compare_exchange_weak(range, range + 1, std::memory_order_relaxed))
      return static_cast<int64_t>(begin);
  }
}

int64_t ThreadPool::Share::TakeLast() {
  for (uint64_t range = range_.load(std::memory_order_relaxed);;) {
    const uint64_t begin = range & UINT32_MAX, end = range >> 32;
    if (begin == end) return -1;
    if (range_.compare_exchange_weak(range, begin | (end - 1) << 32, std::memory_order_relaxed))
      return static_cast<int64_t>(end - 1);
  }
}

ThreadPool::ThreadPool(int threads, Pinning pinning) {
  FATHOM_CHECK(threads >= 1);
  shares_ = std::vector<Share>(static_cast<size_t>(threads));
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

int64_t ThreadPool::TakeItem(int worker) {
  const auto own = static_cast<size_t>(worker);
  const int64_t item = shares_[own].TakeFirst();
  if (item >= 0) return item;
  for (size_t i = 1; i < shares_.size(); ++i) {
    const int64_t left = shares_[(own + i) % shares_.size()].TakeLast();
    if (left >= 0) return left;
  }
  return -1;
}

void ThreadPool::ForEach(int64_t items, FunctionRef<void(int64_t, int)> task) {
  FATHOM_DCHECK(items <= UINT32_MAX);
  if (items <= 1 || workers_.empty()) {
    for (int64_t item = 0; item < items; ++item) task(item, 0);
    return;
  }
  for (int64_t i = 0; i < size(); ++i)
    shares_[static_cast<size_t>(i)].Reset(items * i / size(), items * (i + 1) / size());
  Run([&](int worker) {
    for (int64_t item; (item = TakeItem(worker)) >= 0;) task(item, worker);
  });
}

}  // namespace fathom::base
