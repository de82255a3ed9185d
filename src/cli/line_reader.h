// Lines from whoever talks to the program: edited on a terminal, as they come elsewhere.
#pragma once

#include <memory>
#include <string>

namespace fathom::cli {

class LineReader {
 public:
  enum class Outcome {
    kLine,
    kCancelled,  ///< Ctrl-C: the line is to be forgotten
    kEnd,        ///< Ctrl-D, or the end of the input
  };

  /// A reader with line editing and a history where standard input and standard error are a
  /// terminal; the prompt goes to standard error, and SIGINT is ignored for as long as the reader
  /// lives. Else one that reads standard input and shows no prompt.
  ///
  /// The history is kept in $XDG_STATE_HOME/fathom/history, or ~/.local/state/fathom/history. If it
  /// cannot be read or written, it lasts as long as the reader.
  static std::unique_ptr<LineReader> Open();

  virtual ~LineReader() = default;

  /// Reads the next line, without its end, into `line`. A last line without an end is one.
  virtual Outcome Read(const std::string& prompt, std::string* line) = 0;

  /// Whether somebody sits at a terminal.
  virtual bool interactive() const = 0;
};

}  // namespace fathom::cli
