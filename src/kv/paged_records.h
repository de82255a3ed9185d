// An append-only list of equally sized records, in pages that never move.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/check.h"

namespace fathom::kv {

/// Grows page by page: memory follows the length of the sequence, not the longest possible one.
/// Reading is safe from many threads while nobody appends.
class PagedRecords {
 public:
  PagedRecords() = default;
  PagedRecords(int64_t record_bytes, int64_t records_per_page)
      : record_bytes_(record_bytes), records_per_page_(records_per_page) {}

  int64_t size() const { return size_; }
  int64_t records_per_page() const { return records_per_page_; }

  /// Appends `count` zeroed records; they are reached by record().
  void Append(int64_t count) {
    size_ += count;
    while (static_cast<int64_t>(pages_.size()) * records_per_page_ < size_)
      pages_.push_back(
          std::make_unique<std::byte[]>(static_cast<size_t>(records_per_page_ * record_bytes_)));
  }

  /// Record i; the records of one page follow each other in memory.
  std::byte* record(int64_t i) {
    FATHOM_DCHECK(i >= 0 && i < size_);
    return pages_[static_cast<size_t>(i / records_per_page_)].get() +
           i % records_per_page_ * record_bytes_;
  }
  const std::byte* record(int64_t i) const { return const_cast<PagedRecords*>(this)->record(i); }

  /// Bytes taken from the system, the unused end of the last page included.
  int64_t bytes() const {
    return static_cast<int64_t>(pages_.size()) * records_per_page_ * record_bytes_;
  }

 private:
  int64_t record_bytes_ = 0;
  int64_t records_per_page_ = 1;
  int64_t size_ = 0;
  std::vector<std::unique_ptr<std::byte[]>> pages_;
};

}  // namespace fathom::kv
