#include "cli/train_command.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/model_options.h"
#include "cli/option.h"
#include "kernels/dispatch.h"

namespace fathom::cli {
namespace {

constexpr const char* kTrainDetails =
    "The recipe is a TOML file that names the architecture (a config.json), the\n"
    "tokenizer and the stages; docs/design/training.md describes its keys. Everything\n"
    "is written to --out: model/ (a checkpoint in the official layout, for the other\n"
    "commands), curves.csv (the losses), exams.csv (what its exams found), curves.svg\n"
    "(both), and a state. When the command was stopped, by Ctrl-C or in any other\n"
    "way, and is given again, it goes on from there, and the result is the same to\n"
    "the bit, on any number of threads.";

// OpenBLAS 0.3.21, which Debian 12 has, takes processors that it does not know for a Haswell: of a
// training on a Zen 5 its products were then a third of the time, and a fifth with wider vectors.
void ChooseOpenBlasKernels() {
  if (kernels::FindKernels("avx512").ok()) ::setenv("OPENBLAS_CORETYPE", "SkylakeX", 0);
}

// A training touches gigabytes for the first time, in a virtual machine at 6 to 12 microseconds for
// 4 KiB: with the heap in pages of 2 MiB, three steps of 32,768 tokens took 57 s instead of 87.
void AskForLargePages() { ::setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1", 0); }

/// Becomes the trainer, a program beside this one: it needs a library that takes longer to load
/// than other commands take to run.
base::Result<ExitCode> RunTrainer(const std::vector<std::string>& arguments) {
  std::error_code code;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", code);
  const std::string trainer = (program.parent_path() / "fathom-train").string();
  if (code || !std::filesystem::exists(trainer, code))
    return base::MakeError(
        "train: this installation has no trainer; install the package fathom-train, or build it "
        "where LibTorch is at hand (tools/setup.sh --train)");
  std::vector<std::string> words = {"fathom"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ChooseOpenBlasKernels();
  AskForLargePages();
  ::execv(trainer.c_str(), argv.data());
  return base::MakeError("{}: cannot be run: {}", trainer, std::strerror(errno));
}

}  // namespace

void AddTrainCommand(CommandLine& command_line) {
  AddTrainCommand(command_line, [&command_line](const TrainFlags&) {
    return RunTrainer(command_line.arguments());
  });
}

void AddTrainCommand(CommandLine& command_line,
                     std::function<base::Result<ExitCode>(const TrainFlags&)> train) {
  const auto flags = std::make_shared<TrainFlags>();
  CLI::App& app = command_line.Add(
      {.name = "train",
       .group = kModelGroup,
       .summary = "Train or fine-tune a model",
       .details = kTrainDetails,
       .examples = "fathom train configs/default.toml --out /tmp/model\n"
                   "fathom train tuning.toml --from models/default --lora 8 --out /tmp/tuned",
       .exit_codes = "130  interrupted"},
      [flags, train = std::move(train)] { return train(*flags); });
  AddText(app, "RECIPE", "FILE", "The recipe's path", &flags->recipe).Require();
  AddText(app, "--out", "DIR", "Where everything is written", &flags->out).Require();
  const Option from = AddText(app, "--from", "DIR",
                              "Begin with this checkpoint, its config.json and\n"
                              "tokenizer.json (default: at random)",
                              &flags->from);
  AddInteger(app, "--lora", {1, 1024},
             "Train adapters of this rank, merged in the end\n"
             "(default: train all parameters)",
             [flags](int64_t rank) { flags->lora_rank = rank; })
      .Need(from);
  AddThreadsOption(app, &flags->threads);
}

}  // namespace fathom::cli
