// The program `fathom`, run as its users run it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace fathom::tests {

struct ProgramOptions {
  /// What standard input holds, at most 64 KiB.
  std::string input{};
  /// A file that standard output goes to instead; of the outcome, `out` is then empty.
  std::string out_path{};
  /// Standard output is a pipe that nobody reads.
  bool closed_output = false;
  /// "NAME=VALUE", added to this process's environment.
  std::vector<std::string> environment{};
};

struct Outcome {
  int exit_code = -1;  ///< -1 if a signal ended the program
  std::string out;
  std::string err;
};

/// A process, its standard streams being pipes. One that takes longer than two minutes is killed,
/// and the test fails.
class Program {
 public:
  explicit Program(const std::vector<std::string>& arguments, const ProgramOptions& options = {});
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  /// Waits until standard output has had so many bytes. Fails the test if it ends before.
  void AwaitOutput(size_t bytes);
  /// Waits until standard output has had a line; returns the first one, without its end. Fails the
  /// test if it ends before.
  std::string AwaitLine();
  void Interrupt();
  /// Ends it at once, whatever it does.
  void Kill();
  /// Waits for the end.
  Outcome Wait();

 private:
  bool ReadMore();

  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
  Outcome outcome_;
};

/// Runs the program to its end.
Outcome RunProgram(const std::vector<std::string>& arguments, const ProgramOptions& options = {});

/// The program on a terminal of 80 columns, which shows what it prints and is typed into.
class TerminalProgram {
 public:
  TerminalProgram(const std::vector<std::string>& arguments,
                  const std::vector<std::string>& environment);
  ~TerminalProgram();
  TerminalProgram(const TerminalProgram&) = delete;
  TerminalProgram& operator=(const TerminalProgram&) = delete;

  void Type(const std::string& keys);
  /// Waits until `text` is shown after what was awaited before; returns what was shown up to its
  /// end. Fails the test if it does not come.
  std::string Await(const std::string& text);
  /// Waits for the end; returns the exit code, -1 if a signal ended the program.
  int Wait();

 private:
  bool ReadMore();

  pid_t pid_ = -1;
  int terminal_ = -1;
  std::string shown_;  // and not awaited yet
};

}  // namespace fathom::tests
