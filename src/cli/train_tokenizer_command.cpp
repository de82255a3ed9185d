#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/option.h"
#include "cli/output.h"
#include "data/bpe_trainer.h"
#include "data/prose.h"

namespace fathom::cli {
namespace {

struct TokenizerTrainingOptions {
  std::string out;
  std::vector<std::string> prose;
  int64_t documents = 400;
  uint64_t seed = 1;
  data::BpeOptions bpe;
};

base::Result<ExitCode> Run(const TokenizerTrainingOptions& options) {
  FATHOM_ASSIGN(auto texts, data::ReadProse(options.prose));
  const size_t paragraphs = texts.size();
  for (std::string& text : data::MakeTokenizerTexts(options.seed, options.documents))
    texts.push_back(std::move(text));
  FATHOM_ASSIGN(const std::string json, data::TrainTokenizer(texts, options.bpe));
  FATHOM_TRY(base::ReplaceFile(options.out, json));
  FATHOM_TRY(WriteOutput(fmt::format("{}: from {} made-up texts and {} paragraphs\n",
                                     EscapeControls(options.out),
                                     FormatCount(static_cast<int64_t>(texts.size() - paragraphs)),
                                     FormatCount(static_cast<int64_t>(paragraphs)))));
  return ExitCode::kSuccess;
}

}  // namespace

void AddTrainTokenizerCommand(CommandLine& command_line) {
  const auto options = std::make_shared<TokenizerTrainingOptions>();
  CLI::App& app = command_line.Add(
      {.name = "train-tokenizer",
       .group = kTextGroup,
       .summary = "Train a tokenizer",
       .details =
           "Byte-level BPE with DeepSeek's rules for cutting text and its special tokens,\n"
           "trained on made-up documents and tool sessions of the kind that \"fathom train\"\n"
           "makes, and on the texts that are given.",
       .examples = "fathom train-tokenizer --vocab 4096 --out tokenizer.json\n"
                   "fathom train-tokenizer --text books/ --out tokenizer.json",
       .exit_codes = {}},
      [options] { return Run(*options); });
  AddText(app, "--out", "FILE", "The tokenizer.json to write", &options->out).Require();
  AddInteger(app, "--vocab", {272, 1'000'000}, "Tokens, special ones included (default: 4096)",
             [options](int64_t size) { options->bpe.vocab_size = static_cast<int32_t>(size); });
  AddTexts(app, "--text", "PATH", "A text file, or a directory of *.txt;\nmay be given again",
           &options->prose);
  AddInteger(app, "--documents", {0}, "Made-up texts of each kind (default: 400)",
             [options](int64_t documents) { options->documents = documents; });
  AddInteger(app, "--seed", {0}, "Other texts (default: 1)",
             [options](int64_t seed) { options->seed = static_cast<uint64_t>(seed); });
}

}  // namespace fathom::cli
