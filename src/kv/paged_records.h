// A list of equally sized records, in pages that never move and that copies of the list share.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "base/check.h"
#include "kv/memory_meter.h"

namespace fathom::kv {

/// Grows page by page: memory follows the length of the sequence, not the longest possible one. A
/// copy costs a pointer a page: the pages are shared. Of the lists that share a page the first to
/// write past the others' ends goes on in it; whoever would write what another list can see, or has
/// written, gets a copy of the page first.
///
/// Lists that share pages belong to one thread at a time, all together, with one exception: another
/// thread may read a list, while the owner of the others goes on with those, if the list is handed
/// over and back through a lock.
class PagedRecords {
 public:
  PagedRecords() = default;
  /// The pages count in `meter`, if there is one.
  PagedRecords(int64_t record_bytes, int64_t records_per_page,
               std::shared_ptr<MemoryMeter> meter = nullptr)
      : record_bytes_(record_bytes),
        records_per_page_(records_per_page),
        meter_(std::move(meter)) {}

  int64_t size() const { return size_; }
  int64_t record_bytes() const { return record_bytes_; }
  int64_t records_per_page() const { return records_per_page_; }

  /// Appends `count` zeroed records, to be written through record().
  void Append(int64_t count) { Extend(size_, size_ + count); }

  /// Appends zeroed records until there are `size`, and lets those from `first` on be written
  /// through record(). REQUIRES: first <= size(), size >= size().
  void Extend(int64_t first, int64_t size) {
    FATHOM_CHECK(0 <= first && first <= size_ && size_ <= size);
    if (first == size) return;
    for (auto p = static_cast<size_t>(first / records_per_page_); p < pages_.size(); ++p) {
      const int64_t begin = static_cast<int64_t>(p) * records_per_page_;
      if (pages_[p].page.use_count() > 1 &&
          pages_[p].page->written > std::max<int64_t>(first - begin, 0))
        Unshare(pages_[p], size_ - begin);
      pages_[p].page->written = std::min(size - begin, records_per_page_);
    }
    // What Truncate left behind in the last page.
    const int64_t end = std::min(size, static_cast<int64_t>(pages_.size()) * records_per_page_);
    if (size_ < end)
      std::memset(Place(size_), 0, static_cast<size_t>((end - size_) * record_bytes_));
    size_ = size;
    while (static_cast<int64_t>(pages_.size()) * records_per_page_ < size_) {
      const int64_t begin = static_cast<int64_t>(pages_.size()) * records_per_page_;
      pages_.push_back(NewPage());
      pages_.back().page->written = std::min(size_ - begin, records_per_page_);
    }
  }

  /// Forgets the records from `count` on. REQUIRES: count <= size().
  void Truncate(int64_t count) {
    FATHOM_CHECK(0 <= count && count <= size_);
    size_ = count;
    pages_.resize(static_cast<size_t>(CountPages(count)));
  }

  /// Record i; the records of one page follow each other in memory. Only what Append or Extend
  /// allowed may be written.
  std::byte* record(int64_t i) {
    FATHOM_DCHECK(i >= 0 && i < size_);
    return Place(i);
  }
  const std::byte* record(int64_t i) const { return const_cast<PagedRecords*>(this)->record(i); }

  /// Calls visit(const std::byte*) with the address of every page: the same in lists that share it.
  template <typename Visit>
  void VisitPages(Visit&& visit) const {
    for (const SharedPage& page : pages_) visit(static_cast<const std::byte*>(page.bytes));
  }

  int64_t page_bytes() const { return records_per_page_ * record_bytes_; }
  /// Bytes of the pages that `size` records fill, the unused end of the last one included.
  int64_t BytesOf(int64_t size) const { return CountPages(size) * page_bytes(); }
  /// Bytes of all pages, those shared with copies included.
  int64_t bytes() const { return BytesOf(size_); }

 private:
  struct Page {
    std::unique_ptr<std::byte[]> bytes;
    MeteredBytes metered;
    /// Records from the page's beginning that a list has written: those after them nobody sees.
    int64_t written = 0;
  };
  // The address stands beside the page, so that finding a record takes one step.
  struct SharedPage {
    std::byte* bytes;
    std::shared_ptr<Page> page;
  };

  int64_t CountPages(int64_t size) const {
    return (size + records_per_page_ - 1) / records_per_page_;
  }
  std::byte* Place(int64_t i) {
    return pages_[static_cast<size_t>(i / records_per_page_)].bytes +
           i % records_per_page_ * record_bytes_;
  }
  SharedPage NewPage() const {
    auto page = std::make_shared<Page>();
    page->bytes = std::make_unique<std::byte[]>(static_cast<size_t>(page_bytes()));
    page->metered = MeteredBytes(meter_, page_bytes());
    return {page->bytes.get(), std::move(page)};
  }
  void Unshare(SharedPage& page, int64_t records) const {
    SharedPage own = NewPage();
    const int64_t kept = std::min(records, records_per_page_);
    std::memcpy(own.bytes, page.bytes, static_cast<size_t>(kept * record_bytes_));
    page = std::move(own);
  }

  int64_t record_bytes_ = 0;
  int64_t records_per_page_ = 1;
  int64_t size_ = 0;
  std::vector<SharedPage> pages_;
  std::shared_ptr<MemoryMeter> meter_;
};

}  // namespace fathom::kv
