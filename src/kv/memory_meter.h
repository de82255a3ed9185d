// How many bytes the caches of all sequences take.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

namespace fathom::kv {

/// Counts what is taken now. What several sequences share is taken once and counts once. Used by
/// the thread that owns the sequences.
class MemoryMeter {
 public:
  int64_t bytes() const { return bytes_; }

 private:
  friend class MeteredBytes;
  int64_t bytes_ = 0;
};

/// Bytes that a meter counts for as long as this object lives. Whoever takes memory keeps it beside
/// that memory. Without a meter nothing is counted.
class MeteredBytes {
 public:
  MeteredBytes() = default;
  MeteredBytes(std::shared_ptr<MemoryMeter> meter, int64_t bytes)
      : meter_(std::move(meter)), bytes_(bytes) {
    if (meter_) meter_->bytes_ += bytes_;
  }
  MeteredBytes(MeteredBytes&& other) noexcept
      : meter_(std::move(other.meter_)), bytes_(std::exchange(other.bytes_, 0)) {}
  MeteredBytes& operator=(MeteredBytes&& other) noexcept {
    std::swap(meter_, other.meter_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~MeteredBytes() {
    if (meter_) meter_->bytes_ -= bytes_;
  }

  const std::shared_ptr<MemoryMeter>& meter() const { return meter_; }

 private:
  std::shared_ptr<MemoryMeter> meter_;
  int64_t bytes_ = 0;
};

}  // namespace fathom::kv
