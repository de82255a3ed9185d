#include "program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>

#include "base/check.h"

namespace fathom::tests {
namespace {

constexpr int kPatienceMilliseconds = 300'000;

struct Pipe {
  int read_end = -1;
  int write_end = -1;
};

Pipe MakePipe() {
  std::array<int, 2> ends{};
  FATHOM_CHECK(::pipe2(ends.data(), O_CLOEXEC) == 0);
  return {ends[0], ends[1]};
}

// In the child: becomes the program.
[[noreturn]] void Become(const std::vector<std::string>& arguments,
                         const std::vector<std::string>& environment) {
  for (const std::string& variable : environment) {
    const size_t equals = variable.find('=');
    ::setenv(variable.substr(0, equals).c_str(), variable.substr(equals + 1).c_str(), 1);
  }
  std::vector<char*> argv = {const_cast<char*>(FATHOM_PROGRAM)};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execv(FATHOM_PROGRAM, argv.data());
  ::_exit(127);
}

// Appends what `fd` has; closes it and sets it to -1 at its end.
void ReadInto(int* fd, std::string* text) {
  std::array<char, 4096> buffer{};
  const ssize_t n = ::read(*fd, buffer.data(), buffer.size());
  if (n > 0) {
    text->append(buffer.data(), static_cast<size_t>(n));
  } else {
    ::close(*fd);
    *fd = -1;
  }
}

int WaitForExit(pid_t pid) {
  int status = 0;
  FATHOM_CHECK(::waitpid(pid, &status, 0) == pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void GiveUp(pid_t pid) {
  ADD_FAILURE() << "the program takes too long";
  ::kill(pid, SIGKILL);
}

}  // namespace

Program::Program(const std::vector<std::string>& arguments, const ProgramOptions& options) {
  const Pipe in = MakePipe();
  const Pipe out = MakePipe();
  const Pipe err = MakePipe();
  pid_ = ::fork();
  FATHOM_CHECK(pid_ >= 0);
  if (pid_ == 0) {
    const int output = options.out_path.empty()
                           ? out.write_end
                           : ::open(options.out_path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ::dup2(in.read_end, STDIN_FILENO);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(err.write_end, STDERR_FILENO);
    Become(arguments, options.environment);
  }
  for (const int fd : {in.read_end, out.write_end, err.write_end}) ::close(fd);
  const auto size = static_cast<ssize_t>(options.input.size());
  FATHOM_CHECK(size <= 1 << 16);
  std::signal(SIGPIPE, SIG_IGN);  // the program may end without reading it all
  static_cast<void>(!::write(in.write_end, options.input.data(), options.input.size()));
  ::close(in.write_end);
  out_ = out.read_end;
  err_ = err.read_end;
  if (options.closed_output) {
    ::close(out_);
    out_ = -1;
  }
}

Program::~Program() {
  if (pid_ >= 0) Wait();
}

bool Program::ReadMore() {
  if (out_ < 0 && err_ < 0) return false;
  std::array<pollfd, 2> streams = {{{out_, POLLIN, 0}, {err_, POLLIN, 0}}};
  if (::poll(streams.data(), streams.size(), kPatienceMilliseconds) <= 0) {
    GiveUp(pid_);
    return false;
  }
  if (streams[0].revents != 0) ReadInto(&out_, &outcome_.out);
  if (streams[1].revents != 0) ReadInto(&err_, &outcome_.err);
  return true;
}

void Program::AwaitOutput(size_t bytes) {
  while (outcome_.out.size() < bytes && ReadMore()) continue;
  EXPECT_GE(outcome_.out.size(), bytes) << outcome_.err;
}

std::string Program::AwaitLine() {
  while (outcome_.out.find('\n') == std::string::npos && ReadMore()) continue;
  const size_t end = outcome_.out.find('\n');
  EXPECT_NE(end, std::string::npos) << outcome_.err;
  return outcome_.out.substr(0, end);
}

void Program::Interrupt() { ::kill(pid_, SIGINT); }

void Program::Kill() { ::kill(pid_, SIGKILL); }

Outcome Program::Wait() {
  while (ReadMore()) continue;
  for (const int fd : {out_, err_})
    if (fd >= 0) ::close(fd);
  outcome_.exit_code = WaitForExit(pid_);
  pid_ = -1;
  return outcome_;
}

Outcome RunProgram(const std::vector<std::string>& arguments, const ProgramOptions& options) {
  return Program(arguments, options).Wait();
}

TerminalProgram::TerminalProgram(const std::vector<std::string>& arguments,
                                 const std::vector<std::string>& environment) {
  winsize size = {.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
  pid_ = ::forkpty(&terminal_, nullptr, nullptr, &size);
  FATHOM_CHECK(pid_ >= 0);
  if (pid_ == 0) Become(arguments, environment);
}

TerminalProgram::~TerminalProgram() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  Wait();
}

bool TerminalProgram::ReadMore() {
  if (terminal_ < 0) return false;
  pollfd stream = {terminal_, POLLIN, 0};
  if (::poll(&stream, 1, kPatienceMilliseconds) <= 0) {
    GiveUp(pid_);
    return false;
  }
  ReadInto(&terminal_, &shown_);
  return true;
}

void TerminalProgram::Type(const std::string& keys) {
  EXPECT_EQ(::write(terminal_, keys.data(), keys.size()), std::ssize(keys)) << "it has ended";
}

std::string TerminalProgram::Await(const std::string& text) {
  while (shown_.find(text) == std::string::npos && ReadMore()) continue;
  const size_t at = shown_.find(text);
  EXPECT_NE(at, std::string::npos) << "waiting for \"" << text << "\"; there is: " << shown_;
  std::string seen = shown_.substr(0, at == std::string::npos ? at : at + text.size());
  shown_.erase(0, seen.size());
  return seen;
}

int TerminalProgram::Wait() {
  while (ReadMore()) continue;
  if (terminal_ >= 0) ::close(terminal_);
  const int exit_code = WaitForExit(pid_);
  pid_ = -1;
  return exit_code;
}

}  // namespace fathom::tests
