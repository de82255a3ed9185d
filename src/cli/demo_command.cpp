#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/conversation_json.h"
#include "cli/format.h"
#include "cli/generation.h"
#include "cli/generation_options.h"
#include "cli/model_options.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/statistics.h"
#include "cli/terminal.h"
#include "data/fit_document.h"
#include "data/recall_document.h"
#include "model/config.h"
#include "model/cost.h"
#include "model/presets.h"

namespace fathom::cli {
namespace {

struct DemoOptions {
  EngineFlags engine;
  uint64_t seed = 1;
  int64_t tokens = 32'768;
  int64_t facts = 12;
  int64_t questions = 6;
};

std::string Bold(const std::string& text) { return Style(text, kBold, STDOUT_FILENO); }

// The first lines and the last ones, so that a reader sees what kind of document it is.
std::string Excerpt(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  constexpr size_t kHead = 4;
  constexpr size_t kTail = 2;
  std::string excerpt;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines.size() > kHead + kTail + 1 && i == kHead) {
      excerpt += fmt::format("  ... {} lines ...\n", lines.size() - kHead - kTail);
      i = lines.size() - kTail;
    }
    excerpt += "  " + lines[i] + '\n';
  }
  return excerpt;
}

base::Result<int64_t> CountTokens(const engine::Engine& engine, const std::string& text) {
  std::string error;
  const auto tokens = engine.Tokenize(text, false, &error);
  if (!tokens) return base::Error{error};
  return std::ssize(*tokens);
}

base::Result<data::RecallDocument> MakeDocument(const engine::Engine& engine,
                                                const DemoOptions& options) {
  auto document = data::FitRecallDocument(
      {.seed = options.seed, .facts = options.facts}, options.tokens,
      [&](const data::RecallDocument& guess) { return CountTokens(engine, guess.text); });
  if (!document.ok()) return base::MakeError("--tokens: {}", document.error().message);
  return document;
}

// Asks about a document, all questions in one conversation: each one's prompt begins with all that
// the sequence has computed, so the document is computed with the first one only.
class Examination {
 public:
  Examination(engine::Engine& engine, const data::RecallDocument& document)
      : engine_(engine),
        document_(document),
        sequence_(engine.NewSequence()),
        messages_{{.role = text::Role::kSystem, .content = document.text}} {}

  /// Asks about a fact, and prints a line about the answer while it arrives.
  base::Status Ask(const data::RecallFact& fact, const InterruptGuard& interrupt);

  int64_t right() const { return right_; }
  bool interrupted() const { return interrupted_; }
  /// Of all questions together; the cache as it is now.
  const engine::RequestStats& stats() const { return stats_; }
  /// Tokens whose rows the cache holds.
  int64_t cached_length() const { return cached_length_; }

 private:
  void Count(const engine::RequestStats& stats);

  engine::Engine& engine_;
  const data::RecallDocument& document_;
  std::shared_ptr<engine::Sequence> sequence_;
  std::vector<text::Message> messages_;
  engine::RequestStats stats_;
  int64_t cached_length_ = 0;
  int64_t right_ = 0;
  bool interrupted_ = false;
};

base::Status Examination::Ask(const data::RecallFact& fact, const InterruptGuard& interrupt) {
  const std::string question = data::RecallQuestion(fact);
  messages_.push_back({.role = text::Role::kUser, .content = question});
  engine::Request request;
  FATHOM_ASSIGN(request.prompt, EncodeConversation(engine_, PrintConversation(messages_),
                                                   text::ThinkingEffort::kNone));
  request.sampling.temperature = 0;
  request.max_tokens = 8;  // a code and its end, and some to see a wrong answer
  request.sequence = sequence_;

  const auto depth = 100 * fact.offset / static_cast<int64_t>(document_.text.size());
  // The line begins with its answer: until then the progress has the place.
  std::string begin = fmt::format("  {:3} %  {:<27} ", depth, question);
  const auto print = [&](std::string_view text) {
    return WriteOutput(std::exchange(begin, {}).append(text));
  };
  FATHOM_ASSIGN(const Generated generated, Generate(engine_, std::move(request), interrupt, print));
  const engine::Completion& answer = generated.completion;
  const engine::RequestStats& stats = answer.stats;
  const bool is_right = answer.text == fact.code;
  interrupted_ = answer.finish == engine::FinishReason::kCancelled;
  messages_.push_back({.role = text::Role::kAssistant, .content = answer.text});
  right_ += is_right ? 1 : 0;
  Count(stats);
  // The answer stands in the text as it came; columns after it only line up if it has four digits.
  return print(fmt::format("  {:<12} {:>6} tokens {:>8.2f} s\n",
                           is_right ? "right" : fmt::format("no, {}", fact.code),
                           FormatCount(stats.prompt_tokens - stats.cached_tokens),
                           stats.prefill_seconds + stats.decode_seconds));
}

void Examination::Count(const engine::RequestStats& stats) {
  stats_.prompt_tokens += stats.prompt_tokens;
  stats_.cached_tokens += stats.cached_tokens;
  stats_.generated_tokens += stats.generated_tokens;
  stats_.prefill_seconds += stats.prefill_seconds;
  stats_.decode_seconds += stats.decode_seconds;
  stats_.kv_bytes = stats.kv_bytes;
  // The last token of an answer was drawn, but nothing was computed from it.
  cached_length_ = stats.prompt_tokens + std::max<int64_t>(stats.generated_tokens - 1, 0);
}

std::string SizeLine(const std::string& name, int64_t bytes) {
  return fmt::format("  {:<60}{:>10}\n", name, FormatBytes(static_cast<uint64_t>(bytes)));
}

// What the same number of tokens takes elsewhere.
base::Result<std::string> CompareCaches(const std::string& directory, int64_t tokens,
                                        int64_t bytes_here) {
  FATHOM_ASSIGN(const model::ModelConfig config, model::LoadConfig(directory));
  FATHOM_ASSIGN(const std::string flash_json, model::PresetConfig("flash"));
  FATHOM_ASSIGN(const model::ModelConfig flash, model::ParseConfig(flash_json, "flash"));
  const int64_t layers = config.num_hidden_layers;
  return Bold(fmt::format("What {} tokens take in the cache\n", FormatCount(tokens))) +
         SizeLine(fmt::format("this model, {} layers, as it is here", layers), bytes_here) +
         SizeLine("  in the packing that DeepSeek published",
                  model::CountKvBytes(config, tokens).total()) +
         SizeLine(fmt::format("  with grouped-query attention (8 heads, BF16), {} layers", layers),
                  model::CountGqa8KvBytes(config, tokens)) +
         SizeLine(fmt::format("DeepSeek-V4-Flash, {} layers", flash.num_hidden_layers),
                  model::CountKvBytes(flash, tokens).total()) +
         SizeLine("DeepSeek-V3.2, 61 layers", model::CountV32KvBytes(tokens));
}

base::Status PrintDocument(const engine::Engine& engine, const data::RecallDocument& document,
                           uint64_t seed) {
  FATHOM_ASSIGN(const int64_t tokens, CountTokens(engine, document.text));
  const std::string title = fmt::format("A document of {} facts among filler, {} tokens, seed {}\n",
                                        document.facts.size(), FormatCount(tokens), seed);
  return WriteOutput(Bold(title) + Excerpt(document.text) + '\n');
}

base::Status PrintResult(const engine::Engine& engine, const Examination& examination,
                         int64_t questions) {
  FATHOM_ASSIGN(const std::string caches,
                CompareCaches(engine.info().directory, examination.cached_length(),
                              examination.stats().kv_bytes));
  const engine::RequestStats& stats = examination.stats();
  return WriteOutput(fmt::format(
      "\n{} of {} answers are right. The document was computed once, with the first\n"
      "question: of the others' prompts, what came before was in the cache. In all:\n"
      "{}\n{}\n\n{}",
      examination.right(), questions, DescribePrompt(stats), DescribeAnswer(stats), caches));
}

base::Result<ExitCode> Demonstrate(const DemoOptions& options) {
  const auto facts = options.facts;
  if (options.questions > facts)
    return base::MakeError("--questions: {} questions about {} facts", options.questions, facts);
  FATHOM_ASSIGN(const auto engine, OpenEngine(options.engine));
  FATHOM_ASSIGN(const data::RecallDocument document, MakeDocument(*engine, options));
  FATHOM_TRY(PrintDocument(*engine, document, options.seed));

  FATHOM_TRY(WriteOutput(Bold(fmt::format("  {:<6} {:<27} {:<18} {:>13} {:>10}\n", "depth",
                                          "question", "answer", "computed", "time"))));
  const InterruptGuard interrupt(InterruptGuard::Second::kEndsProcess);
  Examination examination(*engine, document);
  for (int64_t i = 0; i < options.questions; ++i) {
    const int64_t fact = (2 * i + 1) * facts / (2 * options.questions);
    FATHOM_TRY(examination.Ask(document.facts[static_cast<size_t>(fact)], interrupt));
    if (examination.interrupted()) return ExitCode::kInterrupted;
  }
  FATHOM_TRY(PrintResult(*engine, examination, options.questions));
  return ExitCode::kSuccess;
}

}  // namespace

void AddDemoCommand(CommandLine& command_line) {
  const auto options = std::make_shared<DemoOptions>();
  CLI::App& app = command_line.Add(
      {.name = "demo",
       .group = kTalkGroup,
       .summary = "Show the bundled model at work",
       .details = "Writes a document of facts, asks the model about some of them from different\n"
                  "depths, and tells what was computed and what the cache takes. A wrong answer\n"
                  "is no failure of the program.",
       .examples = "fathom demo\n"
                   "fathom demo --seed 7 --tokens 200000 --questions 10",
       .exit_codes = "130  interrupted"},
      [options] { return Demonstrate(*options); });
  AddModelOption(app, &options->engine.model);
  AddThreadsOption(app, &options->engine.threads);
  AddInteger(app, "--seed", {0}, "Another document (default: 1)",
             [options](int64_t seed) { options->seed = static_cast<uint64_t>(seed); });
  AddInteger(app, "--facts", {1, data::kMaxRecallFacts}, "Facts in it (default: 12)",
             [options](int64_t facts) { options->facts = facts; });
  AddInteger(app, "--tokens", {1, 1 << 20}, "Its length (default: 32768)",
             [options](int64_t tokens) { options->tokens = tokens; });
  AddInteger(app, "--questions", {1, data::kMaxRecallFacts}, "Questions about it (default: 6)",
             [options](int64_t questions) { options->questions = questions; });
}

}  // namespace fathom::cli
