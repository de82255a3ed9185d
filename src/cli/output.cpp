#include "cli/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/system_error.h"

namespace fathom::cli {
namespace {

/// Returns errno, or 0.
int WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return 0;
}

}  // namespace

void PrepareStandardStreams() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) != -1) continue;
    // Opened the wrong way round, so that using the stream fails as if it were closed. The lowest
    // free number is this one: those below it are open by now.
    static_cast<void>(::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY));
  }
}

base::Status WriteOutput(std::string_view text) {
  const int error = WriteAll(STDOUT_FILENO, text);
  if (error != 0) return base::SystemError("standard output", "write", error);
  return {};
}

void PrintError(std::string_view message) {
  // Where standard error itself fails there is nobody left to tell.
  static_cast<void>(WriteAll(STDERR_FILENO, fmt::format("fathom: {}\n", EscapeControls(message))));
}

void PrintLogLine(std::string_view line) {
  static_cast<void>(WriteAll(STDERR_FILENO, fmt::format("{}\n", line)));
}

std::string EscapeControls(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f')
      escaped += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      escaped += c;
  }
  return escaped;
}

}  // namespace fathom::cli
