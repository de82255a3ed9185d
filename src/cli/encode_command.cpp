#include <map>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/input.h"
#include "cli/option.h"
#include "cli/output.h"
#include "text/message.h"
#include "text/prompt_encoder.h"

namespace fathom::cli {
namespace {

using text::ThinkingEffort;

struct EncodeCommandOptions {
  std::string messages;
  ThinkingEffort think = text::EncodeOptions().effort;
};

base::Result<ExitCode> Encode(const EncodeCommandOptions& options) {
  FATHOM_ASSIGN(const std::string json, ReadInput(options.messages));
  const std::string source = InputName(options.messages);
  FATHOM_ASSIGN(const text::Conversation conversation, text::ParseConversation(json, source));
  const auto prompt = text::EncodePrompt(conversation, {.effort = options.think});
  if (!prompt.ok()) return base::MakeError("{}: {}", source, prompt.error().message);
  FATHOM_TRY(WriteOutput(prompt->text()));
  return ExitCode::kSuccess;
}

}  // namespace

void AddEncodeCommand(CommandLine& command_line) {
  const auto options = std::make_shared<EncodeCommandOptions>();
  CLI::App& app = command_line.Add(
      {.name = "encode",
       .group = kTextGroup,
       .summary = "Print the prompt that a conversation becomes",
       .details =
           "The file has the form of OpenAI's chat completions: an object with \"messages\"\n"
           "and perhaps \"tools\", or the list of messages alone. The prompt is printed\n"
           "exactly as the model reads it, without a line end of its own.",
       .examples = "fathom encode --messages chat.json\n"
                   "fathom encode --messages chat.json --think max | fathom tokenize --raw"},
      [options] { return Encode(*options); });
  AddText(app, "--messages", "FILE", "The conversation, as JSON; - is standard input",
          &options->messages)
      .Require();
  AddThinkOption(app, "Thinking before the answer (default: high)", &options->think);
}

}  // namespace fathom::cli
