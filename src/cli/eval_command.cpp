#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "cli/commands.h"
#include "cli/eval_report.h"
#include "cli/model_options.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "data/prose.h"
#include "data/random.h"
#include "data/recall_document.h"
#include "evaluate/examinee.h"
#include "evaluate/perplexity.h"
#include "evaluate/recall_eval.h"
#include "evaluate/tools_eval.h"
#include "evaluate/watch.h"

namespace fathom::cli {
namespace {

struct EvalOptions {
  std::string what;
  std::string model;
  int threads = 0;
  std::vector<int64_t> contexts;
  std::vector<int64_t> turns;
  int64_t samples = 1;
  int64_t facts = 10;
  int64_t needles = 1;
  bool invented = false;
  uint64_t seed = kDefaultSeed;
  std::vector<std::string> texts;
  bool json = false;
  std::string plot;
  std::string mistakes;

  /// Not a seed that a recipe would have.
  static constexpr uint64_t kDefaultSeed = 1'000'003;
};

// What was found comes first: it took long, and a file that cannot be written must not cost it.
base::Status Report(const EvalOptions& options, const std::string& text, const Json& json,
                    const std::string& picture, const std::string& mistakes) {
  FATHOM_TRY(WriteOutput(options.json ? DumpJson(json) : text));
  if (!options.plot.empty()) FATHOM_TRY(base::ReplaceFile(options.plot, picture));
  if (!options.mistakes.empty()) FATHOM_TRY(base::ReplaceFile(options.mistakes, mistakes));
  return {};
}

base::Result<evaluate::Examinee> OpenExaminee(const EvalOptions& options) {
  FATHOM_ASSIGN(const std::string directory, FindModel(options.model));
  return evaluate::Examinee::Open(directory, {.threads = options.threads});
}

// Shows how far an examination is, and keeps its mistakes, a line of JSON each.
class Watcher {
 public:
  explicit Watcher(std::string name)
      : bar_(std::in_place, std::move(name), ProgressBar::Unit::kSteps) {}

  evaluate::EvalWatch Watch() {
    return {.on_progress =
                [this](int64_t done, int64_t total) {
                  bar_->Update(static_cast<uint64_t>(done), static_cast<uint64_t>(total));
                },
            .on_mistake =
                [this](const evaluate::Mistake& mistake) {
                  mistakes_ += PrintJson(MistakeToJson(mistake), -1) + "\n";
                }};
  }

  // What was kept. The bar is gone then.
  std::string Finish() {
    bar_.reset();
    return std::move(mistakes_);
  }

 private:
  std::optional<ProgressBar> bar_;
  std::string mistakes_;
};

base::Status EvalRecall(const EvalOptions& options) {
  FATHOM_ASSIGN(evaluate::Examinee examinee, OpenExaminee(options));
  evaluate::RecallEvalOptions recall = {.contexts = {1024, 4096, 16384},
                                        .samples = options.samples,
                                        .facts = options.facts,
                                        .needles = options.needles,
                                        .invented = options.invented,
                                        .seed = options.seed};
  if (!options.contexts.empty()) recall.contexts = options.contexts;
  Watcher watcher("recall");
  FATHOM_ASSIGN(const auto rows, EvaluateRecall(examinee, recall, watcher.Watch()));
  const std::string mistakes = watcher.Finish();
  return Report(options, FormatRecall(rows), RecallToJson(rows), DrawRecall(rows), mistakes);
}

base::Status EvalTools(const EvalOptions& options) {
  FATHOM_ASSIGN(evaluate::Examinee examinee, OpenExaminee(options));
  evaluate::ToolsEvalOptions tools = {
      .turns = {10, 50}, .samples = options.samples, .seed = options.seed};
  if (!options.turns.empty()) tools.turns = options.turns;
  Watcher watcher("tools");
  FATHOM_ASSIGN(const auto rows, EvaluateTools(examinee, tools, watcher.Watch()));
  const std::string mistakes = watcher.Finish();
  return Report(options, FormatTools(rows), ToolsToJson(rows), DrawTools(rows), mistakes);
}

base::Status EvalPerplexity(const EvalOptions& options) {
  FATHOM_ASSIGN(const std::string directory, FindModel(options.model));
  std::vector<std::string> texts;
  if (options.texts.empty()) {
    for (int64_t i = 0; i < options.samples; ++i)
      texts.push_back(
          data::MakeRecallDocument({.seed = data::MixSeed(options.seed, static_cast<uint64_t>(i))})
              .text);
  } else {
    FATHOM_ASSIGN(const auto paragraphs, data::ReadProse(options.texts));
    texts.emplace_back();
    for (const std::string& paragraph : paragraphs) texts.back() += paragraph + "\n";
  }
  FATHOM_ASSIGN(const auto pool, MakePool(options.threads, {}));
  FATHOM_ASSIGN(const auto measured, evaluate::MeasurePerplexity(directory, texts, *pool));
  return WriteOutput(options.json ? DumpJson(PerplexityToJson(measured))
                                  : FormatPerplexity(measured));
}

base::Status Examine(const EvalOptions& options) {
  if (options.what == "recall") return EvalRecall(options);
  if (options.what == "tools") return EvalTools(options);
  return EvalPerplexity(options);
}

base::Result<ExitCode> Eval(const EvalOptions& options) {
  FATHOM_TRY(Examine(options));
  return ExitCode::kSuccess;
}

constexpr const char* kEvalDetails =
    "recall  a document of facts among filler fills the context, and each fact is\n"
    "        asked for. Counted by context and by depth.\n"
    "tools   made-up sessions with tools. Before each step the model sees the session\n"
    "        as it should have gone so far. Counted by turn: every step well formed,\n"
    "        all calls right, and the answer right, word for word.\n"
    "ppl     how surprised the model is by each token of a text.\n"
    "\n"
    "Answers are greedy. The same seed gives the same examination; the default is one\n"
    "that no recipe here trains on.";

}  // namespace

void AddEvalCommand(CommandLine& command_line) {
  const auto options = std::make_shared<EvalOptions>();
  CLI::App& app =
      command_line.Add({.name = "eval",
                        .group = kModelGroup,
                        .summary = "Examine a model: recall, tools, perplexity",
                        .details = kEvalDetails,
                        .examples = "fathom eval recall --contexts 1024,4096 --samples 2\n"
                                    "fathom eval tools --turns 10,50 --json\n"
                                    "fathom eval ppl --text book.txt",
                        .exit_codes = {}},
                       [options] { return Eval(*options); });
  AddChoice(app, "WHAT", {"recall", "tools", "ppl"}, "recall, tools or ppl",
            [options](const std::string& what) { options->what = what; })
      .Require();
  AddModelOption(app, &options->model);
  AddIntegers(
      app, "--contexts", {64, 1'000'000'000}, "recall: tokens (default: 1024,4096,16384)",
      [options](std::vector<int64_t> contexts) { options->contexts = std::move(contexts); });
  AddIntegers(app, "--turns", {1, 100'000}, "tools: turns of a session (default: 10,50)",
              [options](std::vector<int64_t> turns) { options->turns = std::move(turns); });
  AddInteger(app, "--samples", {1, 1'000'000}, "Documents or sessions of each kind (default: 1)",
             [options](int64_t samples) { options->samples = samples; });
  AddInteger(app, "--facts", {1, data::kMaxRecallFacts},
             "recall: facts in a document (default: 10)",
             [options](int64_t facts) { options->facts = facts; });
  AddInteger(app, "--needles", {1, 64}, "recall: facts a question asks for (default: 1)",
             [options](int64_t needles) { options->needles = needles; });
  AddFlag(app, "--invented", "recall: facts with invented names, in no list of words",
          &options->invented);
  AddInteger(app, "--seed", {0}, "Other documents and sessions",
             [options](int64_t seed) { options->seed = static_cast<uint64_t>(seed); });
  AddTexts(app, "--text", "PATH", "ppl: a text file, or a directory of *.txt;\nmay be given again",
           &options->texts);
  AddThreadsOption(app, &options->threads);
  AddFlag(app, "--json", "Print JSON", &options->json);
  AddText(app, "--plot", "FILE", "Also draw a heat map: an SVG file", &options->plot);
  AddText(app, "--mistakes", "FILE",
          "recall, tools: also write what was asked, expected\nand said, a line of JSON for each "
          "mistake",
          &options->mistakes);
}

}  // namespace fathom::cli
