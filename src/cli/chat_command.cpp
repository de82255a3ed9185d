#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>

#include "cli/chat_session.h"
#include "cli/commands.h"
#include "cli/conversation.h"
#include "cli/format.h"
#include "cli/generation_options.h"
#include "cli/line_reader.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/terminal.h"

namespace fathom::cli {
namespace {

struct ChatOptions {
  EngineFlags engine;
  GenerationFlags generation;
  std::string session;
};

constexpr const char* kChatDetails = "Lines that begin with / are commands:\n";

constexpr const char* kMoreDetails =
    "\n\n"
    "Answers go to standard output, all else to standard error. Where standard input\n"
    "is no terminal, its lines are taken one by one, and an error ends the session\n"
    "with exit code 1. On a terminal lines can be edited.\n"
    "\n"
    "With --session the conversation goes on where the file left it, without\n"
    "computing it again, and is written back when the chat ends. The file is replaced\n"
    "at once or not at all; of two programs that use the same one, the last to end\n"
    "wins. \"fathom run\" takes the same files.";

std::string DescribeModel(const engine::EngineInfo& info) {
  return fmt::format("{}: context {} tokens, {} on {} threads. /help lists the commands.",
                     info.directory, FormatCount(info.context), info.isa, info.threads);
}

// Reads one message or command; a backslash at the end of a line continues it.
LineReader::Outcome ReadMessage(LineReader& reader, std::string* message) {
  message->clear();
  std::string line;
  LineReader::Outcome outcome = reader.Read("> ", &line);
  while (outcome == LineReader::Outcome::kLine && line.ends_with('\\')) {
    *message += line.substr(0, line.size() - 1) + '\n';
    outcome = reader.Read(". ", &line);
    // The input may end after a backslash: what came before it counts.
    if (outcome == LineReader::Outcome::kEnd) return LineReader::Outcome::kLine;
  }
  *message += line;
  return outcome;
}

base::Status Talk(ChatSession& session, LineReader& reader) {
  std::string message;
  while (!session.finished()) {
    const LineReader::Outcome outcome = ReadMessage(reader, &message);
    if (outcome == LineReader::Outcome::kEnd) break;
    if (outcome == LineReader::Outcome::kCancelled) continue;
    const base::Status handled = session.Handle(message);
    if (handled.ok()) continue;
    if (!reader.interactive()) return handled;
    PrintError(handled.error().message);
  }
  return {};
}

base::Result<Conversation> OpenConversation(engine::Engine& engine, const std::string& path) {
  if (path.empty()) return Conversation::Start(engine);
  return Conversation::Load(engine, path);
}

base::Result<ExitCode> Chat(const ChatOptions& options) {
  FATHOM_TRY(CheckUtf8(options.generation.system, "--system"));
  if (!options.session.empty()) FATHOM_TRY(Conversation::CheckPath(options.session));
  FATHOM_ASSIGN(const auto engine, OpenEngine(options.engine));
  FATHOM_ASSIGN(Conversation conversation, OpenConversation(*engine, options.session));
  const std::unique_ptr<LineReader> reader = LineReader::Open();
  if (reader->interactive()) PrintNote(DescribeModel(engine->info()));

  ChatSession session(*engine, options.generation, std::move(conversation));
  const base::Status talked = Talk(session, *reader);
  // What was said before an error is kept too.
  if (!options.session.empty() && session.conversation().changed()) {
    const base::Status saved = session.conversation().Save(*engine, options.session);
    if (!talked.ok() && !saved.ok()) PrintError(talked.error().message);
    FATHOM_TRY(saved);
  }
  FATHOM_TRY(talked);
  return ExitCode::kSuccess;
}

}  // namespace

void AddChatCommand(CommandLine& command_line) {
  const auto options = std::make_shared<ChatOptions>();
  CLI::App& app = command_line.Add(
      {.name = "chat",
       .group = kTalkGroup,
       .summary = "Talk with a model, turn by turn",
       .details = fmt::format("{}{}{}", kChatDetails, kChatHelp, kMoreDetails),
       .environment = {{"XDG_STATE_HOME", "where the history is, instead of ~/.local/state"}},
       .files = {{"~/.local/state/fathom/history", "the lines that were entered"}},
       .examples = "fathom chat --think high --system 'Answer briefly.'\n"
                   "printf '%s\\n' 'Hello' '/save chat.json' | fathom chat --temp 0\n"
                   "fathom chat --session novel.session"},
      [options] { return Chat(*options); });
  AddEngineOptions(app, &options->engine);
  AddText(app, "--session", "FILE", "Continue and keep the conversation in this file",
          &options->session);
  AddGenerationOptions(app, &options->generation);
}

}  // namespace fathom::cli
