#include "base/async_reader.h"

#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"

namespace fathom::base {
namespace {

// Enough to keep a disk's queue filled with reads of megabytes; they compute nothing.
constexpr int kThreads = 8;

class ThreadReader final : public AsyncReader {
 public:
  explicit ThreadReader(ReadAtFunction read) : read_(std::move(read)) {
    for (int i = 0; i < kThreads; ++i) threads_.emplace_back([this] { Serve(); });
  }

  ~ThreadReader() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    waiting_changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void Submit(std::span<const ReadRequest> requests) override {
    {
      const std::lock_guard lock(mutex_);
      waiting_.insert(waiting_.end(), requests.begin(), requests.end());
      under_way_ += requests.size();
    }
    waiting_changed_.notify_all();
  }

  std::optional<ReadCompletion> Poll() override {
    const std::lock_guard lock(mutex_);
    if (completed_.empty()) return std::nullopt;
    return TakeCompletion();
  }

  ReadCompletion Wait() override {
    std::unique_lock lock(mutex_);
    FATHOM_CHECK(under_way_ > 0);
    completed_changed_.wait(lock, [&] { return !completed_.empty(); });
    return TakeCompletion();
  }

  const char* name() const override { return "threads"; }

 private:
  ReadCompletion TakeCompletion() {  // mutex_ is held
    const ReadCompletion completion = completed_.front();
    completed_.pop_front();
    --under_way_;
    return completion;
  }

  // What was submitted is read to its end even when stopping: the buffers may be in use.
  void Serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
      waiting_changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      const ReadRequest request = waiting_.front();
      waiting_.pop_front();
      lock.unlock();
      const ReadCompletion completion = Read(request);
      lock.lock();
      completed_.push_back(completion);
      completed_changed_.notify_one();
    }
  }

  ReadCompletion Read(const ReadRequest& request) const {
    ReadProgress progress(request);
    for (;;) {
      const ssize_t n = read_(progress.descriptor(), progress.buffer(), progress.bytes(),
                              static_cast<off_t>(progress.offset()));
      if (const auto completion = progress.Take(n < 0 ? -errno : n)) return *completion;
    }
  }

  const ReadAtFunction read_;
  std::mutex mutex_;
  std::condition_variable waiting_changed_;
  std::condition_variable completed_changed_;
  std::deque<ReadRequest> waiting_;       // guarded by mutex_, as all below
  std::deque<ReadCompletion> completed_;  // not given back yet
  size_t under_way_ = 0;                  // submitted and not given back
  bool stopping_ = false;
  std::vector<std::thread> threads_;  // last: they use all of the above
};

}  // namespace

std::optional<ReadCompletion> ReadProgress::Take(int64_t result) {
  if (result == -EINTR || result == -EAGAIN) return std::nullopt;
  if (result < 0) return ReadCompletion{request_.tag, static_cast<int>(-result)};
  const size_t reached = done_ + static_cast<size_t>(result);
  if (reached >= request_.needed) return ReadCompletion{request_.tag, 0};
  // No further than the last time: the file ends here. Up to one alignment is read twice, so the
  // call's own count does not tell.
  if (reached <= read_) return ReadCompletion{request_.tag, ReadCompletion::kEndOfFile};
  read_ = reached;
  done_ = reached / request_.alignment * request_.alignment;
  return std::nullopt;
}

std::unique_ptr<AsyncReader> MakeThreadReader(ReadAtFunction read) {
  if (!read) read = ::pread;
  return std::make_unique<ThreadReader>(std::move(read));
}

std::unique_ptr<AsyncReader> MakeAsyncReader() {
  if (auto ring = MakeRingReader()) return ring;
  return MakeThreadReader();
}

}  // namespace fathom::base
