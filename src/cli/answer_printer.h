// An answer on its way to the reader: reasoning, content and tool calls told apart as they arrive.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "text/completion_parser.h"

namespace fathom::cli {

/// Prints one answer of a chat while its text arrives, and keeps what it says.
///
/// On a terminal the reasoning is dimmed and followed by an empty line. Elsewhere it stands between
/// "<think>" and "</think>", and the content begins on the next line; tags that the model did not
/// close are closed. A call of a tool is a line "[call NAME] {ARGUMENTS}". The last line is ended.
class AnswerPrinter {
 public:
  using Sink = std::function<base::Status(std::string_view)>;

  struct Options {
    bool starts_in_reasoning = false;  ///< the prompt ended with <think>
    bool styled = false;               ///< for a terminal
  };

  /// `sink` takes each piece of text; its errors are those of Feed and Finish.
  AnswerPrinter(const Options& options, Sink sink);

  /// Takes the next piece of the model's text.
  base::Status Feed(std::string_view piece);
  /// Takes the end. REQUIRES: Finish was not called.
  base::Status Finish();

  /// What was said so far; all of it after Finish.
  const text::Completion& completion() const { return parser_.completion(); }

 private:
  enum class Part { kNothing, kReasoning, kContent, kCall };

  void Add(const text::CompletionEvent& event);
  void EnterPart(Part part);
  void EndReasoning();
  void EndLine();
  void Put(std::string_view text);
  base::Status Print();

  Options options_;
  Sink sink_;
  text::CompletionParser parser_;
  Part part_ = Part::kNothing;
  std::string pending_;  // to be printed
  char last_byte_ = 0;   // of what was said so far, styles aside
};

}  // namespace fathom::cli
