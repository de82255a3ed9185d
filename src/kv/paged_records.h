// A list of equally sized records, in pages that never move and that copies of the list share.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "base/check.h"

namespace fathom::kv {

/// Grows page by page: memory follows the length of the sequence, not the longest possible one. A
/// copy costs a pointer a page: the pages are shared, and one that is shared is copied before it is
/// written to. Reading is safe from many threads while nobody changes the list; lists that share
/// pages belong to one thread at a time, all together.
class PagedRecords {
 public:
  PagedRecords() = default;
  PagedRecords(int64_t record_bytes, int64_t records_per_page)
      : record_bytes_(record_bytes), records_per_page_(records_per_page) {}

  int64_t size() const { return size_; }
  int64_t record_bytes() const { return record_bytes_; }
  int64_t records_per_page() const { return records_per_page_; }

  /// Appends `count` zeroed records, to be written through record().
  void Append(int64_t count) { Extend(size_, size_ + count); }

  /// Appends zeroed records until there are `size`, and lets those from `first` on be written
  /// through record(). REQUIRES: first <= size(), size >= size().
  void Extend(int64_t first, int64_t size) {
    FATHOM_CHECK(0 <= first && first <= size_ && size_ <= size);
    for (auto p = static_cast<size_t>(first / records_per_page_); p < pages_.size(); ++p)
      Unshare(pages_[p]);
    // What Truncate left behind in the last page.
    const int64_t end = std::min(size, static_cast<int64_t>(pages_.size()) * records_per_page_);
    if (size_ < end)
      std::memset(Place(size_), 0, static_cast<size_t>((end - size_) * record_bytes_));
    size_ = size;
    while (static_cast<int64_t>(pages_.size()) * records_per_page_ < size_)
      pages_.push_back(std::make_shared<std::byte[]>(page_bytes()));
  }

  /// Forgets the records from `count` on. REQUIRES: count <= size().
  void Truncate(int64_t count) {
    FATHOM_CHECK(0 <= count && count <= size_);
    size_ = count;
    pages_.resize(static_cast<size_t>((count + records_per_page_ - 1) / records_per_page_));
  }

  /// Record i; the records of one page follow each other in memory. Only what Append or Extend
  /// allowed may be written.
  std::byte* record(int64_t i) {
    FATHOM_DCHECK(i >= 0 && i < size_);
    return Place(i);
  }
  const std::byte* record(int64_t i) const { return const_cast<PagedRecords*>(this)->record(i); }

  /// Bytes of all pages, those shared with copies and the unused end of the last one included.
  int64_t bytes() const { return static_cast<int64_t>(pages_.size() * page_bytes()); }

 private:
  using Page = std::shared_ptr<std::byte[]>;

  size_t page_bytes() const { return static_cast<size_t>(records_per_page_ * record_bytes_); }
  std::byte* Place(int64_t i) {
    return pages_[static_cast<size_t>(i / records_per_page_)].get() +
           i % records_per_page_ * record_bytes_;
  }
  void Unshare(Page& page) const {
    if (page.use_count() == 1) return;
    Page own = std::make_shared<std::byte[]>(page_bytes());
    std::memcpy(own.get(), page.get(), page_bytes());
    page = std::move(own);
  }

  int64_t record_bytes_ = 0;
  int64_t records_per_page_ = 1;
  int64_t size_ = 0;
  std::vector<Page> pages_;
};

}  // namespace fathom::kv
