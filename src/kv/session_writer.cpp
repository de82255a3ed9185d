#include "kv/session_writer.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

#include "base/atomic_file.h"

namespace fathom::kv {

SessionWriter::SessionWriter(base::FileOperations& operations)
    : operations_(operations), thread_([this] { Run(); }) {}

SessionWriter::~SessionWriter() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void SessionWriter::Push(std::unique_ptr<WriteJob> job) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(job));
  }
  ++pending_;
  changed_.notify_all();
}

std::vector<std::unique_ptr<WriteJob>> SessionWriter::TakeDone(int64_t least, int64_t most) {
  std::vector<std::unique_ptr<WriteJob>> done;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return std::ssize(done_) >= std::min(least, pending_); });
    for (; !done_.empty() && std::ssize(done) < most; done_.pop_front())
      done.push_back(std::move(done_.front()));
  }
  pending_ -= std::ssize(done);
  return done;
}

void SessionWriter::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return ends_ || !waiting_.empty(); });
    if (ends_) return;
    std::unique_ptr<WriteJob> job = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    Write(*job);
    lock.lock();
    done_.push_back(std::move(job));
    changed_.notify_all();
  }
}

void SessionWriter::Write(WriteJob& job) const {
  job.status = [&]() -> base::Status {
    FATHOM_ASSIGN(base::AtomicFile file,
                  base::AtomicFile::Create(job.path, {.mode = 0600, .operations = &operations_}));
    FATHOM_TRY(WriteSession({.cache = job.cache,
                             .tokens = job.tokens,
                             .note = {},
                             .snapshots = std::span(&job.snapshot, 1),
                             .fingerprint = job.fingerprint,
                             .parent = job.parent},
                            [&](std::span<const std::byte> bytes) {
                              job.bytes += std::ssize(bytes);
                              return file.Write(bytes);
                            }));
    return file.Commit();
  }();
}

}  // namespace fathom::kv
