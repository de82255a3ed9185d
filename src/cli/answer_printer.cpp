#include "cli/answer_printer.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "cli/terminal.h"

namespace fathom::cli {

AnswerPrinter::AnswerPrinter(const Options& options, Sink sink)
    : options_(options),
      sink_(std::move(sink)),
      parser_({.starts_in_reasoning = options.starts_in_reasoning}) {}

base::Status AnswerPrinter::Feed(std::string_view piece) {
  for (const text::CompletionEvent& event : parser_.Feed(piece)) Add(event);
  return Print();
}

base::Status AnswerPrinter::Finish() {
  for (const text::CompletionEvent& event : parser_.Finish()) Add(event);
  EnterPart(Part::kNothing);
  EndLine();
  return Print();
}

void AnswerPrinter::Add(const text::CompletionEvent& event) {
  using Kind = text::CompletionEvent::Kind;
  switch (event.kind) {
    case Kind::kReasoning:
      EnterPart(Part::kReasoning);
      return Put(event.text);
    case Kind::kContent:
      EnterPart(Part::kContent);
      return Put(event.text);
    case Kind::kCallBegin:
      EnterPart(Part::kCall);
      return Put(fmt::format("[call {}] ", event.text));
    case Kind::kCallArguments:
      return Put(event.text);
    case Kind::kCallEnd:
      return EnterPart(Part::kNothing);
  }
}

// Ends the part before, and begins `part` if it is another one.
void AnswerPrinter::EnterPart(Part part) {
  if (part == part_) return;
  const Part before = std::exchange(part_, part);
  if (before == Part::kReasoning) EndReasoning();
  if (before == Part::kCall || (part == Part::kCall && last_byte_ != 0)) EndLine();
  if (part != Part::kReasoning) return;
  if (options_.styled)
    pending_ += kDim;
  else
    Put("<think>");
}

void AnswerPrinter::EndReasoning() {
  if (!options_.styled) {
    Put("</think>\n");
    return;
  }
  EndLine();
  pending_ += kNoStyle;
  if (part_ != Part::kNothing) Put("\n");
}

void AnswerPrinter::EndLine() {
  if (last_byte_ != '\n') Put("\n");
}

void AnswerPrinter::Put(std::string_view text) {
  if (text.empty()) return;
  pending_ += text;
  last_byte_ = text.back();
}

base::Status AnswerPrinter::Print() {
  if (pending_.empty()) return {};
  return sink_(std::exchange(pending_, {}));
}

}  // namespace fathom::cli
