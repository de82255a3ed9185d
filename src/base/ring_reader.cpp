// AsyncReader on io_uring.
#include <liburing.h>

#include <cerrno>
#include <deque>
#include <memory>
#include <vector>

#include "base/async_reader.h"
#include "base/check.h"

namespace fathom::base {
namespace {

// More than a disk works on at a time; what is beyond it waits here.
constexpr unsigned kEntries = 128;

class RingReader final : public AsyncReader {
 public:
  /// Null if the kernel refuses.
  static std::unique_ptr<RingReader> Make() {
    auto reader = std::unique_ptr<RingReader>(new RingReader);
    if (::io_uring_queue_init(kEntries, &reader->ring_, 0) != 0) return nullptr;
    reader->is_open_ = true;
    io_uring_probe* probe = ::io_uring_get_probe_ring(&reader->ring_);
    const bool reads = probe != nullptr && ::io_uring_opcode_supported(probe, IORING_OP_READ);
    ::io_uring_free_probe(probe);
    return reads ? std::move(reader) : nullptr;
  }

  ~RingReader() override {
    if (!is_open_) return;
    backlog_.clear();
    while (in_kernel_ > 0) WaitForKernel();
    ::io_uring_queue_exit(&ring_);
  }

  void Submit(std::span<const ReadRequest> requests) override {
    for (const ReadRequest& request : requests) backlog_.emplace_back(request);
    FillRing();
  }

  std::optional<ReadCompletion> Poll() override {
    io_uring_cqe* entry = nullptr;
    while (completed_.empty() && ::io_uring_peek_cqe(&ring_, &entry) == 0) Take(entry);
    FillRing();
    if (completed_.empty()) return std::nullopt;
    return TakeCompletion();
  }

  ReadCompletion Wait() override {
    FATHOM_CHECK(!completed_.empty() || in_kernel_ > 0);
    while (completed_.empty()) {
      WaitForKernel();
      FillRing();
    }
    return TakeCompletion();
  }

  const char* name() const override { return "io_uring"; }

 private:
  RingReader() = default;

  // Hands as much of the backlog to the kernel as there is room for.
  void FillRing() {
    bool added = false;
    while (!backlog_.empty() && in_kernel_ < kEntries) {
      io_uring_sqe* entry = ::io_uring_get_sqe(&ring_);
      if (entry == nullptr) break;
      auto progress = std::make_unique<ReadProgress>(backlog_.front());
      backlog_.pop_front();
      ::io_uring_prep_read(entry, progress->descriptor(), progress->buffer(),
                           static_cast<unsigned>(progress->bytes()), progress->offset());
      ::io_uring_sqe_set_data(entry, progress.release());
      ++in_kernel_;
      added = true;
    }
    // An entry that the kernel cannot take now stays in the ring and goes with the next call.
    if (added) ::io_uring_submit(&ring_);
  }

  void WaitForKernel() {
    io_uring_cqe* entry = nullptr;
    const int error = ::io_uring_submit_and_wait(&ring_, 1);
    FATHOM_CHECK(error >= 0 || error == -EINTR || error == -EAGAIN || error == -EBUSY);
    if (::io_uring_peek_cqe(&ring_, &entry) == 0) Take(entry);
  }

  void Take(io_uring_cqe* entry) {
    const std::unique_ptr<ReadProgress> progress(
        static_cast<ReadProgress*>(::io_uring_cqe_get_data(entry)));
    const int result = entry->res;
    ::io_uring_cqe_seen(&ring_, entry);
    --in_kernel_;
    if (const auto completion = progress->Take(result))
      completed_.push_back(*completion);
    else
      backlog_.push_front(*progress);
  }

  ReadCompletion TakeCompletion() {
    const ReadCompletion completion = completed_.front();
    completed_.pop_front();
    return completion;
  }

  io_uring ring_{};
  bool is_open_ = false;
  unsigned in_kernel_ = 0;
  std::deque<ReadProgress> backlog_;
  std::deque<ReadCompletion> completed_;
};

}  // namespace

std::unique_ptr<AsyncReader> MakeRingReader() { return RingReader::Make(); }

}  // namespace fathom::base
