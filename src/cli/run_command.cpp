#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/answer_printer.h"
#include "cli/commands.h"
#include "cli/conversation.h"
#include "cli/generation.h"
#include "cli/generation_options.h"
#include "cli/input.h"
#include "cli/json.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/statistics.h"
#include "cli/terminal.h"
#include "text/utf8.h"

namespace fathom::cli {
namespace {

struct RunOptions {
  EngineFlags engine;
  GenerationFlags generation;
  std::optional<std::string> prompt;
  std::string file = "-";
  std::string session;
  bool raw = false;
  bool json = false;
  std::optional<int32_t> logprobs;
};

constexpr const char* kRunDetails =
    "The text is the user's message; without -p and -f it is read from standard\n"
    "input. A line end at its very end is not part of it. With --raw the text is the\n"
    "prompt, byte for byte: nothing is put around it, and in it the spelling of a\n"
    "special token is that token.\n"
    "\n"
    "The answer is printed as it arrives. Reasoning is dimmed on a terminal, and\n"
    "stands between <think> and </think> elsewhere. The last line is ended; with\n"
    "--raw, only on a terminal. One line of statistics follows on standard error.\n"
    "\n"
    "With --json, one object is printed at the end: \"content\", \"reasoning_content\"\n"
    "and \"tool_calls\" (with --raw, \"text\"), \"finish_reason\" (stop, length, context\n"
    "or interrupted), \"tokens\", \"logprobs\" if asked for, \"usage\", \"timings\",\n"
    "\"kv_bytes\" and, with --expert-memory, \"experts\". Bytes that are not UTF-8 are\n"
    "replaced by U+FFFD there, and \"has_invalid_utf8\" is true; \"tokens\" has them\n"
    "exactly.\n"
    "\n"
    "With --session the text is the next message of the conversation in that file,\n"
    "which need not exist yet. What the file holds is not computed again. Its system\n"
    "message stays unless --system gives another, and with --seed N its n-th answer\n"
    "is drawn with N + n, counted from 0. After the answer, message and answer are\n"
    "added: the file is replaced at once or not at all, and stays as it was after an\n"
    "error. Of two programs that use the same file, the last to end wins. \"fathom\n"
    "chat\" takes the same files.\n"
    "\n"
    "Ctrl-C ends the answer; what there is is printed, and goes into the session. A\n"
    "second one ends the program.";

base::Result<std::string> ReadPrompt(const RunOptions& options) {
  const bool typed = !options.prompt && options.file == "-" && ::isatty(STDIN_FILENO) == 1;
  if (typed) PrintNote("The prompt, ended by Ctrl-D:");
  std::string prompt;
  std::string source = "-p";
  if (options.prompt) {
    prompt = *options.prompt;
  } else {
    FATHOM_ASSIGN(prompt, ReadInput(options.file));
    source = InputName(options.file);
    if (!options.raw && prompt.ends_with('\n')) prompt.pop_back();
  }
  if (prompt.empty()) return base::MakeError("{}: the prompt is empty", source);
  if (options.raw) return prompt;
  FATHOM_TRY(CheckUtf8(options.generation.system, "--system"));
  const base::Status valid = CheckUtf8(prompt, source);
  if (!valid.ok()) return base::MakeError("{}; --raw takes any bytes", valid.error().message);
  return prompt;
}

base::Result<std::vector<int32_t>> EncodePrompt(const engine::Engine& engine,
                                                const RunOptions& options,
                                                const Conversation& conversation,
                                                const std::string& prompt) {
  if (!options.raw)
    return conversation.EncodeWith(engine, prompt, "prompt", options.generation.think);
  std::string error;
  auto tokens = engine.Tokenize(prompt, true, &error);
  if (!tokens) return base::Error{error};
  return std::move(*tokens);
}

base::Result<Conversation> OpenConversation(engine::Engine& engine, const RunOptions& options) {
  Conversation conversation = Conversation::Start(engine);
  if (!options.session.empty()) {
    FATHOM_ASSIGN(conversation, Conversation::Load(engine, options.session));
  }
  if (!options.generation.system.empty()) conversation.SetSystem(options.generation.system);
  return conversation;
}

std::string FinishName(engine::FinishReason finish) {
  switch (finish) {
    case engine::FinishReason::kStop:
      return "stop";
    case engine::FinishReason::kLength:
      return "length";
    case engine::FinishReason::kContext:
      return "context";
    case engine::FinishReason::kCancelled:
      return "interrupted";
    case engine::FinishReason::kError:
      return "error";
  }
  return {};
}

Json LogprobJson(const engine::Engine& engine, int32_t id, float logprob) {
  std::string error;
  // A model may have ids that its tokenizer lacks: those have no text.
  const std::optional<std::string> text = engine.Detokenize({id}, &error);
  Json json = {{"id", id}, {"token", text ? Json(*text) : Json()}};
  json["logprob"] = std::isfinite(logprob) ? Json(logprob) : Json();
  return json;
}

Json LogprobsJson(const engine::Engine& engine, const std::vector<engine::TokenEvent>& tokens) {
  Json list = Json::array();
  for (const engine::TokenEvent& token : tokens) {
    Json json = LogprobJson(engine, token.id, token.logprob);
    json["top_logprobs"] = Json::array();
    for (const engine::TokenLogprob& other : token.alternatives)
      json["top_logprobs"].push_back(LogprobJson(engine, other.id, other.logprob));
    list.push_back(std::move(json));
  }
  return list;
}

Json AnswerJson(const text::Completion& answer) {
  Json json = {{"content", answer.content}, {"reasoning_content", Json()}};
  if (!answer.reasoning.empty()) json["reasoning_content"] = answer.reasoning;
  json["tool_calls"] = Json::array();
  for (const text::CompletedCall& call : answer.tool_calls)
    json["tool_calls"].push_back(
        {{"type", "function"},
         {"function", {{"name", call.name}, {"arguments", call.arguments}}},
         {"is_complete", call.is_complete}});
  return json;
}

std::string ResultJson(const engine::Engine& engine, const RunOptions& options,
                       const Generated& generated, const text::Completion& answer) {
  const engine::Completion& completion = generated.completion;
  const engine::RequestStats& stats = completion.stats;
  Json json = options.raw ? Json{{"text", completion.text}} : AnswerJson(answer);
  json["finish_reason"] = FinishName(completion.finish);
  json["has_invalid_utf8"] = text::ValidPrefixLength(completion.text) != completion.text.size();
  json["tokens"] = completion.tokens;
  if (options.logprobs) json["logprobs"] = LogprobsJson(engine, generated.tokens);
  json["usage"] = {{"prompt_tokens", stats.prompt_tokens},
                   {"cached_tokens", stats.cached_tokens},
                   {"completion_tokens", stats.generated_tokens}};
  json["timings"] = {{"prefill_seconds", stats.prefill_seconds},
                     {"decode_seconds", stats.decode_seconds},
                     {"prefill_tokens_per_second", PrefillRate(stats)},
                     {"decode_tokens_per_second", DecodeRate(stats)}};
  json["kv_bytes"] = stats.kv_bytes;
  if (stats.experts)
    json["experts"] = {{"uses", stats.experts->uses},
                       {"reads", stats.experts->reads},
                       {"hit_rate", ExpertHitRate(*stats.experts)},
                       {"bytes_read", stats.experts->bytes_read},
                       {"wait_seconds", stats.experts->wait_seconds}};
  return PrintJson(json, -1) + '\n';
}

struct Answer {
  engine::Completion completion;
  text::Completion parsed;  // empty with --raw
};

// Prints the answer in the form that the options ask for.
base::Result<Answer> PrintAnswer(engine::Engine& engine, const RunOptions& options,
                                 engine::Request request, const InterruptGuard& interrupt) {
  AnswerPrinter::Sink sink = WriteOutput;
  if (options.json) sink = [](std::string_view) { return base::Status(); };
  AnswerPrinter printer(
      {.starts_in_reasoning = options.generation.think != text::ThinkingEffort::kNone,
       .styled = CanStyle(STDOUT_FILENO)},
      sink);
  FATHOM_ASSIGN(Generated generated,
                Generate(engine, std::move(request), interrupt, [&](std::string_view piece) {
                  return options.raw ? sink(piece) : printer.Feed(piece);
                }));
  const std::string& text = generated.completion.text;
  if (!options.raw) {
    FATHOM_TRY(printer.Finish());
  } else if (::isatty(STDOUT_FILENO) == 1 && !text.ends_with('\n')) {
    FATHOM_TRY(sink("\n"));
  }
  if (options.json)
    FATHOM_TRY(WriteOutput(ResultJson(engine, options, generated, printer.completion())));
  return Answer{std::move(generated.completion), printer.completion()};
}

base::Result<ExitCode> Run(const RunOptions& options) {
  FATHOM_ASSIGN(const std::string prompt, ReadPrompt(options));
  const bool keeps = !options.session.empty();
  if (keeps) FATHOM_TRY(Conversation::CheckPath(options.session));
  FATHOM_ASSIGN(const auto engine, OpenEngine(options.engine));
  FATHOM_ASSIGN(Conversation conversation, OpenConversation(*engine, options));
  engine::Request request = MakeRequest(options.generation);
  FATHOM_ASSIGN(request.prompt, EncodePrompt(*engine, options, conversation, prompt));
  request.sampling.seed += conversation.answers();
  request.logprobs = options.logprobs.has_value();
  request.top_logprobs = options.logprobs.value_or(0);
  if (keeps) request.sequence = conversation.sequence();

  const InterruptGuard interrupt(InterruptGuard::Second::kEndsProcess);
  FATHOM_ASSIGN(const Answer answer, PrintAnswer(*engine, options, std::move(request), interrupt));
  const engine::Completion& completion = answer.completion;
  PrintNote(DescribeStatistics(completion.stats) + DescribeCut(completion.finish));
  if (keeps) {
    conversation.AddTurn(prompt, answer.parsed);
    FATHOM_TRY(conversation.Save(*engine, options.session));
  }
  return completion.finish == engine::FinishReason::kCancelled ? ExitCode::kInterrupted
                                                               : ExitCode::kSuccess;
}

void AddOptions(CLI::App& app, RunOptions* options) {
  AddEngineOptions(app, &options->engine);
  const Option prompt = AddText(app, "-p,--prompt", "TEXT", "The text",
                                [options](const std::string& text) { options->prompt = text; });
  AddText(app, "-f,--file", "FILE", "The file with the text; - is standard input", &options->file)
      .Exclude(prompt);
  const Option session =
      AddText(app, "--session", "FILE", "Continue and keep the conversation in this file",
              &options->session);
  AddGenerationOptions(app, &options->generation);
  AddFlag(app, "--raw", "The text is the whole prompt", &options->raw)
      .Exclude(session)
      .Exclude(FindOption(app, "--system"))
      .Exclude(FindOption(app, "--think"));
  const Option json = AddFlag(app, "--json", "Print one JSON object at the end", &options->json);
  AddInteger(app, "--logprobs", {0, 1000},
             "With --json, each token's log probability and those\nof the N likeliest tokens",
             [options](int64_t count) { options->logprobs = static_cast<int32_t>(count); })
      .Need(json);
}

}  // namespace

void AddRunCommand(CommandLine& command_line) {
  const auto options = std::make_shared<RunOptions>();
  CLI::App& app = command_line.Add(
      {.name = "run",
       .group = kTalkGroup,
       .summary = "Answer one prompt",
       .details = kRunDetails,
       .examples = "fathom run -p 'Why is the sky blue?' --think high\n"
                   "fathom run -f book.txt --session book.session\n"
                   "fathom run -f report.txt --system 'Summarise.' --temp 0 > summary.txt\n"
                   "printf 'Once upon a time' | fathom run --raw -n 200 --seed 7\n"
                   "fathom run -p 'Yes or no?' -n 1 --json --logprobs 5",
       .exit_codes = "130  interrupted"},
      [options] { return Run(*options); });
  AddOptions(app, options.get());
}

}  // namespace fathom::cli
