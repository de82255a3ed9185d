#include "text/completion_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "text/json.h"

namespace fathom::text {
namespace {

using Kind = CompletionEvent::Kind;

// A text can be wrong in as many ways as it has tags.
constexpr size_t kMaxProblems = 32;

bool IsPiece(Kind kind) { return kind != Kind::kCallBegin && kind != Kind::kCallEnd; }

}  // namespace

std::vector<CompletionEvent> CompletionWriter::TakeEvents() { return std::exchange(events_, {}); }

void CompletionWriter::AddReasoning(std::string_view text) {
  completion_.reasoning.append(text);
  Tell(Kind::kReasoning, text);
}

void CompletionWriter::AddContent(std::string_view text) {
  if (in_call_) {
    waiting_.append(text);
    return;
  }
  completion_.content.append(text);
  Tell(Kind::kContent, text);
}

void CompletionWriter::BeginCall(const std::string& name) {
  FATHOM_CHECK(!in_call_);
  in_call_ = true;
  completion_.tool_calls.push_back({.name = name, .arguments = ""});
  Tell(Kind::kCallBegin, name);
}

void CompletionWriter::AddArguments(std::string_view json) {
  FATHOM_CHECK(in_call_);
  completion_.tool_calls.back().arguments.append(json);
  Tell(Kind::kCallArguments, json);
}

void CompletionWriter::EndCall(bool is_complete) {
  FATHOM_CHECK(in_call_);
  in_call_ = false;
  completion_.tool_calls.back().is_complete = is_complete;
  Tell(Kind::kCallEnd, "");
  AddContent(std::exchange(waiting_, {}));
}

void CompletionWriter::AddProblem(std::string problem) {
  auto& problems = completion_.problems;
  if (problems.size() == kMaxProblems) return;
  if (std::find(problems.begin(), problems.end(), problem) != problems.end()) return;
  problems.push_back(std::move(problem));
}

std::string CompletionWriter::DescribeCall() const {
  return fmt::format("call {} ({})", completion_.tool_calls.size(),
                     QuoteJson(completion_.tool_calls.back().name));
}

void CompletionWriter::Tell(Kind kind, std::string_view text) {
  if (IsPiece(kind) && text.empty()) return;
  if (IsPiece(kind) && !events_.empty() && events_.back().kind == kind) {
    events_.back().text.append(text);
    return;
  }
  const bool is_text = kind == Kind::kReasoning || kind == Kind::kContent;
  const size_t call = is_text ? 0 : completion_.tool_calls.size() - 1;
  events_.push_back({.kind = kind, .call = call, .text = std::string(text)});
}

}  // namespace fathom::text
