#include <memory>
#include <string>

#include "base/thread_pool.h"
#include "cli/commands.h"
#include "cli/inspection.h"
#include "cli/model_options.h"
#include "cli/output.h"
#include "cli/progress_bar.h"

namespace fathom::cli {
namespace {

struct InspectOptions {
  std::string directory;
  bool json = false;
  int threads = 0;
};

base::Result<Inspection> InspectWithProgress(const InspectOptions& options) {
  base::ThreadPool pool(ChooseThreads(options.threads));
  ProgressBar bar("checking", ProgressBar::Unit::kBytes);
  return InspectCheckpoint(options.directory, pool,
                           [&](uint64_t done, uint64_t total) { bar.Update(done, total); });
}

base::Result<ExitCode> Inspect(const InspectOptions& options) {
  FATHOM_ASSIGN(const Inspection inspection, InspectWithProgress(options));
  FATHOM_TRY(WriteOutput(options.json ? DumpJson(InspectionToJson(inspection))
                                      : FormatInspection(inspection)));
  return ExitCode::kSuccess;
}

}  // namespace

void AddInspectCommand(CommandLine& command_line) {
  const auto options = std::make_shared<InspectOptions>();
  CLI::App& app = command_line.Add(
      {.name = "inspect",
       .group = kModelGroup,
       .summary = "Show what a checkpoint holds, and check it",
       .details =
           "Every tensor's name, type and shape is held against config.json, and all but the\n"
           "matrices' elements is read. A checkpoint that cannot be used is a failure; what\n"
           "is merely odd is listed under \"Problems\".",
       .examples = "fathom inspect models/default\n"
                   "fathom inspect DeepSeek-V4-Flash --json | jq .parameters"},
      [options] { return Inspect(*options); });
  AddText(app, "DIR", "DIR",
          "The checkpoint: config.json and safetensors files;\na tokenizer is not needed",
          &options->directory)
      .Require();
  AddThreadsOption(app, &options->threads);
  AddFlag(app, "--json", "Print JSON", &options->json);
}

}  // namespace fathom::cli
