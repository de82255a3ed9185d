// How kernels for few tokens read the weights: each byte once, as fast as memory gives it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "kernels/caches.h"

namespace fathom::kernels::simd {

/// Asks memory for the first line of a page when `p`, which moves on by at most `step` bytes from
/// call to call, has entered it. Streams stop where a page ends, be it for the translation of an
/// address or because the hardware's prefetching does: a loop that only adds words up reads 55 GB/s
/// without, and 68 with pages asked for 16 KiB before (two cores of a Zen 5). Pages are taken to be
/// the smallest: whatever a guest maps, its host may have nothing larger.
inline void AskForPage(const std::byte* p, uintptr_t step) {
  constexpr uintptr_t kPage = 4 << 10;
  if (reinterpret_cast<uintptr_t>(p) % kPage < step) __builtin_prefetch(p);
}

/// A line that is only brought into the cache, for decoders that load pieces of it themselves.
struct Touch {
  static Touch LoadRaw(const std::byte* p) {
    // Its last byte: where rows are not aligned, the first ones came with the line before.
    static_cast<void>(*reinterpret_cast<const volatile unsigned char*>(p + 63));
    return {};
  }
};

/// How far ahead rows are asked for, and the cache that they are brought into.
enum class Ahead {
  kToFirstCache,
  /// And from there into the first one shortly before they are used: a first-level cache of 32 KiB
  /// cannot keep 32 KiB of weights beside the activations. Two cores of a Zen 4, E4M3 by four
  /// tokens: 21 GB/s by the first way, 39 by this one.
  kToSecondCache,
};

/// Calls task(std::integral_constant<Ahead, what suits this machine>).
template <class Task>
void WithAhead(Task task) {
  constexpr int64_t kLarge = 48 << 10;
  if (FirstCacheBytes() >= kLarge)
    task(std::integral_constant<Ahead, Ahead::kToFirstCache>());
  else
    task(std::integral_constant<Ahead, Ahead::kToSecondCache>());
}

/// Several rows of a matrix that lie behind one another, read side by side, 64 bytes of each at a
/// step. Three things make a core read as fast as it can while it computes, with E4M3 rows of 4,096
/// columns on two cores of a Zen 5, in GB/s (a loop that only adds words up reads 50):
///   - the lines of a step are loaded a step before they are used: what waits for memory is then
///     only loads, and not all that is computed from them (from 31 to 55);
///   - memory is asked for lines in the order of addresses, one for each that is used, kBytesAhead
///     before, instead of the next line of each row (from 47 to 55);
///   - as long before that, for the first line of each page, so that the others do not wait
///     at its border (from 64 to 68).
/// None reads beyond the rows.
template <class Line, int kRows, Ahead kAhead>
class RowLines {
 public:
  /// REQUIRES: row_bytes % 64 == 0.
  RowLines(const std::byte* rows, int64_t row_bytes)
      : rows_(rows), row_bytes_(row_bytes), ahead_(rows + kBytesAhead) {
    Load();
  }

  /// The next line of each row. After the last one: the last again.
  void Next(Line* lines) {
    for (int r = 0; r < kRows; ++r) lines[r] = lines_[r];
    at_ = std::min(at_ + 64, row_bytes_ - 64);
    Load();
  }

  /// For lines that are only touched.
  void Next() {
    Line lines[kRows];
    Next(lines);
  }

 private:
  static constexpr int64_t kBytesAhead = 32 << 10;
  static constexpr int64_t kStep = 64 * kRows;

  void Load() {
    for (int r = 0; r < kRows; ++r) {
      const std::byte* line = rows_ + r * row_bytes_ + at_;
      if constexpr (kAhead == Ahead::kToFirstCache) {
        __builtin_prefetch(ahead_ + 64 * r);
      } else {
        __builtin_prefetch(ahead_ + 64 * r, 0, 2);
        __builtin_prefetch(line + 192);
      }
      lines_[r] = Line::LoadRaw(line);
    }
    AskForPage(ahead_ + kBytesAhead, kStep);
    ahead_ += kStep;
  }

  const std::byte* rows_;
  int64_t row_bytes_;
  int64_t at_ = 0;  // of lines_ in their rows
  const std::byte* ahead_;
  Line lines_[kRows];
};

/// Splits tokens into the fewest groups of at most kMost, of equal size up to one, and calls
/// task(std::integral_constant<int, size>, first token) for each.
template <int kMost, class Task>
void ForTokenGroups(int64_t tokens, Task task) {
  const int64_t groups = (tokens + kMost - 1) / kMost;
  for (int64_t i = 0; i < groups; ++i) {
    const int64_t first = i * tokens / groups;
    const int64_t size = (i + 1) * tokens / groups - first;
    [&]<int... kSizes>(std::integer_sequence<int, kSizes...>) {
      static_cast<void>(
          ((size == kSizes + 1 && (task(std::integral_constant<int, kSizes + 1>(), first), true)) ||
           ...));
    }
    (std::make_integer_sequence<int, kMost>());
  }
}

}  // namespace fathom::kernels::simd
