// Reads that go on while the caller computes.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

namespace fathom::base {

/// A range of an open file, and the memory that it goes to.
struct ReadRequest {
  int descriptor = -1;
  uint64_t offset = 0;
  std::byte* buffer = nullptr;
  size_t bytes = 0;      ///< asked for
  size_t needed = 0;     ///< enough: the rest may be beyond the file's end
  size_t alignment = 1;  ///< of where a read may begin, a power of two
  uint64_t tag = 0;      ///< names the request in its completion
};

struct ReadCompletion {
  /// The file ends before the needed bytes do.
  static constexpr int kEndOfFile = -1;

  uint64_t tag = 0;
  int error = 0;  ///< 0: the needed bytes are there; else kEndOfFile or an errno
};

/// How far one request has come. A read may return less than was asked for, or be interrupted:
/// whoever makes the calls asks this what to call next.
class ReadProgress {
 public:
  explicit ReadProgress(const ReadRequest& request) : request_(request) {}

  int descriptor() const { return request_.descriptor; }
  uint64_t offset() const { return request_.offset + done_; }
  std::byte* buffer() const { return request_.buffer + done_; }
  size_t bytes() const { return request_.bytes - done_; }

  /// Takes what a call returned, bytes or a negative errno. Returns the completion if it was the
  /// last.
  std::optional<ReadCompletion> Take(int64_t result);

 private:
  ReadRequest request_;
  size_t done_ = 0;  // a multiple of the alignment
  size_t read_ = 0;  // bytes that are there; done_ and less than one alignment more
};

/// Takes requests and gives them back as they complete, in any order. Used by one thread at a time.
class AsyncReader {
 public:
  virtual ~AsyncReader() = default;  ///< waits for what is under way
  AsyncReader() = default;
  AsyncReader(const AsyncReader&) = delete;
  AsyncReader& operator=(const AsyncReader&) = delete;

  /// Starts the requests and returns at once. The buffers belong to the reader until it gives the
  /// requests back.
  virtual void Submit(std::span<const ReadRequest> requests) = 0;
  /// A completion, if there is one.
  virtual std::optional<ReadCompletion> Poll() = 0;
  /// The next completion. REQUIRES: a request is under way.
  virtual ReadCompletion Wait() = 0;

  virtual const char* name() const = 0;
};

/// Has the kernel read (io_uring). Null where it does not do that: it is old, or a sandbox forbids.
std::unique_ptr<AsyncReader> MakeRingReader();

/// As pread: returns bytes, or -1 and errno.
using ReadAtFunction = std::function<ssize_t(int, void*, size_t, off_t)>;

/// Has a few threads read. `read` stands in for pread in tests.
std::unique_ptr<AsyncReader> MakeThreadReader(ReadAtFunction read = {});

/// The first of these that works here.
std::unique_ptr<AsyncReader> MakeAsyncReader();

}  // namespace fathom::base
