// FATHOM_CHECK: the program's promises to itself. Never for outside input.
#pragma once

namespace fathom::base {
/// Reports the broken promise on stderr and aborts.
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line) noexcept;
}  // namespace fathom::base

#define FATHOM_CHECK(condition)                      \
  (__builtin_expect(static_cast<bool>(condition), 1) \
       ? static_cast<void>(0)                        \
       : ::fathom::base::CheckFailed(#condition, __FILE__, __LINE__))

#ifdef NDEBUG
#define FATHOM_DCHECK(condition) static_cast<void>(sizeof(static_cast<bool>(condition)))
#else
#define FATHOM_DCHECK(condition) FATHOM_CHECK(condition)
#endif
