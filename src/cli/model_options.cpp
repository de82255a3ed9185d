#include "cli/model_options.h"

#include <filesystem>
#include <system_error>

#include "base/cores.h"
#include "cli/option.h"

namespace fathom::cli {
namespace {

namespace fs = std::filesystem;

bool IsDirectory(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

}  // namespace

void AddModelOption(CLI::App& app, std::string* directory) {
  AddText(app, "-m,--model", "DIR",
          "The model's directory. Without it: models/default, in\n"
          "the working directory or where the program comes from",
          directory);
}

void AddThreadsOption(CLI::App& app, int* threads) {
  AddInteger(app, "--threads", {1, 1024}, "Threads that compute (default: one a core)",
             [threads](int64_t count) { *threads = static_cast<int>(count); });
}

void AddExpertMemoryOption(CLI::App& app, uint64_t* bytes) {
  AddBytes(app, "--expert-memory",
           "Read routed experts when they are needed, and keep as\n"
           "many as fit in so much memory (100G, 800M, ...)",
           bytes);
}

void AddPlacementOptions(CLI::App& app, PlacementFlags* flags) {
  AddFlag(app, "--pin", "Keep each thread on a core of its own", &flags->pin_threads);
  AddFlag(app, "--interleave", "Spread weights and cache over all memory nodes",
          &flags->interleave_memory);
  AddFlag(app, "--huge-pages",
          "Read the model anew, into pages of 2 MiB where the\n"
          "file system has them: slower to start, faster to run",
          &flags->large_pages);
}

base::Result<std::unique_ptr<base::ThreadPool>> MakePool(int threads, const PlacementFlags& flags) {
  using Pinning = base::ThreadPool::Pinning;
  if (flags.interleave_memory) FATHOM_TRY(base::InterleaveMemory());
  return std::make_unique<base::ThreadPool>(
      ChooseThreads(threads), flags.pin_threads ? Pinning::kOneCoreEach : Pinning::kNone);
}

base::Result<std::string> FindModel(const std::string& directory) {
  if (!directory.empty()) return directory;
  if (IsDirectory(kDefaultModel)) return std::string(kDefaultModel);
  std::error_code code;
  const fs::path program = fs::read_symlink("/proc/self/exe", code);
  if (!code) {
    const fs::path installed = program.parent_path().parent_path() / "share/fathom" / kDefaultModel;
    if (IsDirectory(installed)) return installed.string();
    for (fs::path folder = program.parent_path(); folder != folder.root_path();
         folder = folder.parent_path())
      if (IsDirectory(folder / kDefaultModel)) return (folder / kDefaultModel).string();
  }
  return base::MakeError("no model: there is no {} here or beside the program; name one with -m",
                         kDefaultModel);
}

int ChooseThreads(int threads) {
  return threads > 0 ? threads : static_cast<int>(base::AvailableCores().size());
}

}  // namespace fathom::cli
