#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "cli/commands.h"

namespace fathom::cli {
namespace {

/// Becomes the trainer, a program beside this one: it needs a library that takes longer to load
/// than other commands take to run.
base::Result<ExitCode> RunTrainer(const std::vector<std::string>& arguments) {
  std::error_code code;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", code);
  const std::string trainer = (program.parent_path() / "fathom-train").string();
  if (code || !std::filesystem::exists(trainer, code))
    return base::MakeError(
        "train: this installation has no trainer; build it where LibTorch is at hand "
        "(tools/setup.sh --train)");
  std::vector<std::string> words = {"fathom", "train"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execv(trainer.c_str(), argv.data());
  return base::MakeError("{}: cannot be run: {}", trainer, std::strerror(errno));
}

}  // namespace

void AddTrainCommand(CommandLine& command_line) {
  command_line.AddPassing(
      {.name = "train", .group = kModelGroup, .summary = "Train or fine-tune a model"}, RunTrainer);
}

}  // namespace fathom::cli
