#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "base/atomic_file.h"
#include "base/file.h"
#include "base/thread_pool.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/json.h"
#include "cli/model_options.h"
#include "cli/option.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/resources.h"
#include "model/cost.h"
#include "model/presets.h"
#include "model/synth.h"
#include "model/tensor_names.h"

namespace fathom::cli {
namespace {

namespace fs = std::filesystem;

/// Says that a directory is a result of this command. Written first, so that what an interrupted
/// run leaves behind can be replaced too.
constexpr const char* kMarker = "synth.json";

struct SynthCommandOptions {
  std::string like;
  std::string out;
  model::SynthOptions synth;
  int threads = 0;
};

base::Result<std::string> ReadLike(const std::string& like) {
  if (like == "flash" || like == "pro") return model::PresetConfig(like);
  return base::ReadFile(like);
}

base::Result<model::ModelConfig> ReadCutConfig(const std::string& config_json,
                                               const SynthCommandOptions& options) {
  FATHOM_ASSIGN(const std::string cut, model::CutConfig(config_json, options.like, options.synth));
  return model::ParseConfig(cut, options.like);
}

/// Bytes of the checkpoint, headers and index included.
double CountBytes(const model::ModelConfig& config) {
  constexpr double kBytesPerName = 300;  // in a shard's header and in the index
  double bytes = 0;
  model::ForEachTensor(config, [&](const model::TensorSlot& slot) {
    const int64_t size = tensor::ElementCount(slot.shape) * tensor::SizeOf(slot.dtype);
    bytes += static_cast<double>(size) + kBytesPerName;
  });
  return bytes;
}

/// Returns the bytes that the checkpoint takes, if there is room for them.
base::Result<double> CheckRoom(const std::string& out, const model::ModelConfig& config) {
  // No tensor is stored in less than half a byte an element. Where not even that fits, the list of
  // tensors may be too long to be made.
  const model::ParameterCount count = model::CountParameters(config);
  FATHOM_TRY(CheckDiskSpace(out, static_cast<double>(count.backbone + count.mtp) / 2));
  const double bytes = CountBytes(config);
  FATHOM_TRY(CheckDiskSpace(out, bytes));
  return bytes;
}

bool IsResultFile(const std::string& name) {
  const auto is_one_of = [](std::string_view stem) {
    return stem == kMarker || stem == "config.json" || stem == "model.safetensors.index.json" ||
           (stem.starts_with("model-") && stem.ends_with(".safetensors"));
  };
  // A run that was interrupted leaves files under their temporary names.
  return is_one_of(std::string_view(name).substr(0, name.find(".partial-")));
}

/// The files of a previous result. Anything else in the directory is an error.
base::Result<std::vector<fs::path>> ListPreviousResult(const std::string& directory) {
  std::error_code code;
  std::vector<fs::path> files;
  if (!fs::exists(directory, code)) return files;
  for (fs::directory_iterator it(directory, code), end; !code && it != end; it.increment(code))
    files.push_back(it->path());
  if (code) return base::MakeError("{}: cannot list the directory: {}", directory, code.message());
  if (!files.empty() && !fs::exists(fs::path(directory) / kMarker, code))
    return base::MakeError("{}: is not empty and holds no earlier result of synth ({})", directory,
                           kMarker);
  for (const fs::path& file : files)
    if (!IsResultFile(file.filename().string()))
      return base::MakeError(
          "{}: is no part of an earlier result; remove it or choose another --out", file.string());
  return files;
}

base::Status RemoveFiles(const std::vector<fs::path>& files) {
  for (const fs::path& file : files) {
    std::error_code code;
    fs::remove(file, code);
    if (code) return base::MakeError("{}: cannot remove it: {}", file.string(), code.message());
  }
  return {};
}

base::Status WriteMarker(const SynthCommandOptions& options) {
  Json json = {{"like", options.like}, {"seed", options.synth.seed}};
  if (options.synth.layers) json["layers"] = *options.synth.layers;
  if (options.synth.experts) json["experts"] = *options.synth.experts;
  return base::ReplaceFile(options.out + "/" + kMarker, DumpJson(json));
}

base::Status WriteCheckpoint(const std::string& config_json, const SynthCommandOptions& options) {
  base::ThreadPool pool(ChooseThreads(options.threads));
  ProgressBar bar("writing", ProgressBar::Unit::kBytes);
  return model::WriteRandomCheckpoint(
      options.out, config_json, options.like, options.synth, pool,
      [&](uint64_t done, uint64_t total) { bar.Update(done, total); });
}

base::Result<ExitCode> Synth(const SynthCommandOptions& options) {
  FATHOM_ASSIGN(const std::string config_json, ReadLike(options.like));
  FATHOM_ASSIGN(const model::ModelConfig config, ReadCutConfig(config_json, options));
  FATHOM_ASSIGN(const auto previous, ListPreviousResult(options.out));
  FATHOM_TRY(RemoveFiles(previous));
  FATHOM_ASSIGN(const double bytes, CheckRoom(options.out, config));
  FATHOM_TRY(base::MakeDirectories(options.out));
  FATHOM_TRY(WriteMarker(options));
  FATHOM_TRY(WriteCheckpoint(config_json, options));
  FATHOM_TRY(WriteOutput(fmt::format("{}: {}\n", EscapeControls(options.out),
                                     FormatBytes(static_cast<uint64_t>(bytes)))));
  return ExitCode::kSuccess;
}

}  // namespace

void AddSynthCommand(CommandLine& command_line) {
  const auto options = std::make_shared<SynthCommandOptions>();
  CLI::App& app = command_line.Add(
      {.name = "synth",
       .group = kModelGroup,
       .summary = "Write a random checkpoint in the official layout",
       .details = "The checkpoint has every tensor of the real one, of the same type and shape,\n"
                  "with random values: for measuring speed and for trying out. The free disk\n"
                  "space is checked first. A directory that holds an earlier result is replaced;\n"
                  "any other that is not empty is refused.",
       .examples = "fathom synth --like flash --layers 4 --experts 16 --out /tmp/flash-4\n"
                   "fathom inspect /tmp/flash-4"},
      [options] { return Synth(*options); });
  AddText(app, "--like", "MODEL", "flash, pro, or the path of a config.json", &options->like)
      .Require();
  AddText(app, "--out", "DIR", "Where to write the checkpoint", &options->out).Require();
  AddInteger(app, "--layers", {1}, "Keep the first N layers (default: all)",
             [options](int64_t layers) { options->synth.layers = layers; });
  AddInteger(app, "--experts", {1}, "Routed experts in a layer (default: all)",
             [options](int64_t experts) { options->synth.experts = experts; });
  AddInteger(app, "--seed", {0}, "The same seed gives the same bytes (default: 1)",
             [options](int64_t seed) { options->synth.seed = static_cast<uint64_t>(seed); });
  AddThreadsOption(app, &options->threads);
}

}  // namespace fathom::cli
