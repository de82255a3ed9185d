// System calls that fail in one thread, as sandboxes and file systems have them fail.
#pragma once

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <thread>

#include "base/check.h"
#include "base/function_ref.h"

namespace fathom::base {

struct Sandbox {
  int ring_error = 0;  ///< of io_uring_setup; 0: it works
  bool direct = true;  ///< whether files can be opened with O_DIRECT; else EINVAL
};

/// Calls `task` in a thread of its own, whose children are in the sandbox too, and waits for it.
inline void RunInSandbox(Sandbox sandbox, FunctionRef<void()> task) {
  std::thread thread([&] {
    const auto ring = static_cast<uint32_t>(sandbox.ring_error);
    const uint32_t on_ring = ring == 0 ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | ring;
    const uint32_t on_direct = sandbox.direct ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | EINVAL;
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, on_ring),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_DIRECT, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, on_direct),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog filter = {.len = std::size(program), .filter = program};
    FATHOM_CHECK(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    FATHOM_CHECK(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
    task();
  });
  thread.join();
}

}  // namespace fathom::base
