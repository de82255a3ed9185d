#include "cli/chat_session.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/atomic_file.h"
#include "cli/answer_printer.h"
#include "cli/generation.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/statistics.h"
#include "cli/terminal.h"
#include "text/trim.h"

namespace fathom::cli {
const std::string_view kChatHelp =
    "/think none|high|max  how hard to think before the next answers\n"
    "/system TEXT          set the system message; without TEXT, remove it\n"
    "/clear                forget the conversation, except the system message\n"
    "/save FILE            write the conversation as JSON\n"
    "/help                 this list\n"
    "/quit                 end, as Ctrl-D does\n"
    "A backslash at the end of a line continues it. Ctrl-C stops an answer.";

ChatSession::ChatSession(engine::Engine& engine, GenerationFlags flags, Conversation conversation)
    : engine_(engine),
      flags_(std::move(flags)),
      conversation_(std::move(conversation)),
      answers_(conversation_.answers()) {
  if (!flags_.system.empty()) conversation_.SetSystem(flags_.system);
}

base::Status ChatSession::Handle(const std::string& line) {
  if (text::Trim(line).empty()) return {};
  if (line.starts_with('/')) return HandleCommand(line);
  return Answer(line);
}

base::Status ChatSession::HandleCommand(std::string_view line) {
  const size_t end = std::min(line.find_first_of(" \t\n"), line.size());
  const std::string_view name = line.substr(0, end);
  const std::string_view argument = text::Trim(line.substr(end));
  if (name == "/think") return SetThinking(argument);
  if (name == "/system") return SetSystem(argument);
  if (name == "/save") return Save(std::string(argument));
  if (name == "/help" || name == "/clear" || name == "/quit") {
    if (!argument.empty()) return base::MakeError("{}: takes no argument", name);
    if (name == "/help") PrintNote(kChatHelp);
    if (name == "/clear") conversation_.Clear();
    if (name == "/quit") finished_ = true;
    return {};
  }
  return base::MakeError("{}: no such command; /help lists them", name);
}

base::Status ChatSession::SetThinking(std::string_view effort) {
  const std::optional<text::ThinkingEffort> parsed = ParseEffort(effort);
  if (!parsed) return base::MakeError("/think: \"{}\" is not none, high or max", effort);
  flags_.think = *parsed;
  return {};
}

base::Status ChatSession::SetSystem(std::string_view text) {
  std::string system(text);
  FATHOM_TRY(CheckUtf8(system, "/system"));
  conversation_.SetSystem(std::move(system));
  return {};
}

base::Status ChatSession::Save(const std::string& path) const {
  if (path.empty()) return base::MakeError("/save: takes the name of a file");
  return base::ReplaceFile(path, conversation_.Print(2) + '\n');
}

base::Status ChatSession::Answer(const std::string& message) {
  engine::Request request = MakeRequest(flags_);
  FATHOM_ASSIGN(request.prompt,
                conversation_.EncodeWith(engine_, message, "message", flags_.think));
  request.sampling.seed += answers_;
  request.sequence = conversation_.sequence();

  AnswerPrinter printer({.starts_in_reasoning = flags_.think != text::ThinkingEffort::kNone,
                         .styled = CanStyle(STDOUT_FILENO)},
                        WriteOutput);
  const InterruptGuard interrupt(InterruptGuard::Second::kIsNoted);
  FATHOM_ASSIGN(const Generated generated,
                Generate(engine_, std::move(request), interrupt,
                         [&](std::string_view piece) { return printer.Feed(piece); }));
  FATHOM_TRY(printer.Finish());
  conversation_.AddTurn(message, printer.completion());
  ++answers_;
  const engine::Completion& completion = generated.completion;
  PrintNote(DescribeStatistics(completion.stats) + DescribeCut(completion.finish));
  return {};
}

}  // namespace fathom::cli
