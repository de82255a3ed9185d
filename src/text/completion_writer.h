// Reasoning, content and tool calls, written down as they are found in a text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace fathom::text {

/// What a completion grew by.
struct CompletionEvent {
  enum class Kind { kReasoning, kContent, kCallBegin, kCallArguments, kCallEnd };

  Kind kind = Kind::kContent;
  size_t call = 0;   ///< call events: the index of the call
  std::string text;  ///< what is added; kCallBegin: the tool's name; kCallEnd: empty

  bool operator==(const CompletionEvent&) const = default;
};

/// A call of a tool, as far as it was said.
struct CompletedCall {
  std::string name;
  /// A JSON object. If the text was cut inside the call: as much of one as was said, without what
  /// would close it, so that nobody takes it for all of it.
  std::string arguments;
  bool is_complete = true;  ///< false if the text ended inside the call

  bool operator==(const CompletedCall&) const = default;
};

/// One turn of the model, told apart.
struct Completion {
  std::string reasoning;
  std::string content;
  std::vector<CompletedCall> tool_calls;
  /// One line for each way in which the text was not as the format has it.
  std::vector<std::string> problems;

  bool operator==(const Completion&) const = default;
};

/// A completion as it grows, and the events that tell what it grew by.
class CompletionWriter {
 public:
  const Completion& completion() const { return completion_; }
  /// What happened since they were taken last; neighbours of one kind are one event.
  std::vector<CompletionEvent> TakeEvents();

  void AddReasoning(std::string_view text);
  /// Inside a call it waits for the end of it: it would come between its arguments.
  void AddContent(std::string_view text);

  /// REQUIRES: no call is open.
  void BeginCall(const std::string& name);
  /// REQUIRES for these: a call is open.
  void AddArguments(std::string_view json);
  void EndCall(bool is_complete);

  /// Each problem is told once, and of many the first ones.
  void AddProblem(std::string problem);
  /// The last call, for problems: its number and name.
  std::string DescribeCall() const;

 private:
  void Tell(CompletionEvent::Kind kind, std::string_view text);

  Completion completion_;
  std::vector<CompletionEvent> events_;
  bool in_call_ = false;
  std::string waiting_;  // content
};

}  // namespace fathom::text
