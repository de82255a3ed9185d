#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "checkpoint/directory.h"
#include "cli/commands.h"
#include "cli/input.h"
#include "cli/logits_writer.h"
#include "cli/model_options.h"
#include "cli/option.h"
#include "cli/progress_bar.h"
#include "kernels/dispatch.h"
#include "model/model.h"
#include "model/weights_loader.h"

namespace fathom::cli {
namespace {

struct LogitsCommandOptions {
  std::string model;
  std::string ids;
  std::string out;
  LogitsOptions outputs;
  int64_t chunk = 512;
  int threads = 0;
  uint64_t expert_memory = 0;
};

base::Result<std::vector<int32_t>> ReadIds(const LogitsCommandOptions& options,
                                           const model::ModelConfig& config) {
  const std::string source = InputName(options.ids);
  FATHOM_ASSIGN(const std::string text, ReadInput(options.ids));
  FATHOM_ASSIGN(auto ids, ParseTokenIds(text, source, config.vocab_size));
  if (ids.empty()) return base::MakeError("{}: holds no token ids", source);
  if (static_cast<int64_t>(ids.size()) > config.max_position_embeddings)
    return base::MakeError("{}: {} token ids are more than the model's context of {}", source,
                           ids.size(), config.max_position_embeddings);
  return ids;
}

base::Result<model::LoadedWeights> LoadWeights(const std::string& directory,
                                               const model::ModelConfig& config,
                                               base::ThreadPool& pool, uint64_t expert_memory) {
  ProgressBar bar("loading", ProgressBar::Unit::kBytes);
  return model::LoadedWeights::Open(
      directory, config, pool,
      {.expert_memory = expert_memory,
       .progress = [&](uint64_t done, uint64_t total) { bar.Update(done, total); }});
}

/// Runs `ids` through the model, chunk by chunk, and hands everything to the writer.
base::Status Compute(model::Model& model, std::span<const int32_t> ids, bool mtp,
                     LogitsWriter& writer) {
  ProgressBar bar("computing", ProgressBar::Unit::kTokens);
  kv::SequenceCache cache = model.NewSequence();
  const auto chunk = static_cast<size_t>(model.max_batch_tokens());
  const auto vocab = static_cast<size_t>(model.config().vocab_size);
  std::vector<int32_t> rows(chunk);
  std::iota(rows.begin(), rows.end(), 0);
  std::vector<float> logits(chunk * vocab);
  for (size_t begin = 0; begin < ids.size(); begin += chunk) {
    const size_t count = std::min(chunk, ids.size() - begin);
    const model::Slice slice{&cache, ids.subspan(begin, count)};
    writer.BeginChunk(static_cast<int64_t>(count));
    FATHOM_TRY(model.Forward({&slice, 1}, &writer));
    model.Logits(std::span(rows).first(count), logits.data());
    FATHOM_TRY(writer.AppendLogits(std::span(logits).first(count * vocab)));
    const auto next = ids.subspan(begin + 1, std::min(count, ids.size() - begin - 1));
    if (mtp && !next.empty()) {
      FATHOM_TRY(model.ForwardMtp(next));
      model.MtpLogits(std::span(rows).first(next.size()), logits.data());
      writer.AppendMtpLogits(std::span(logits).first(next.size() * vocab));
    }
    bar.Update(begin + count, ids.size());
  }
  return {};
}

base::Result<ExitCode> WriteLogits(const LogitsCommandOptions& options) {
  FATHOM_ASSIGN(const std::string directory, FindModel(options.model));
  FATHOM_ASSIGN(const model::ModelConfig config, model::LoadConfig(directory));
  if (options.outputs.mtp && config.num_nextn_predict_layers == 0)
    return base::MakeError("--mtp: {} has no MTP layer", directory);
  FATHOM_ASSIGN(const kernels::KernelTable* kernels, kernels::SelectKernels());
  FATHOM_ASSIGN(const std::vector<int32_t> ids, ReadIds(options, config));
  const auto tokens = static_cast<int64_t>(ids.size());
  FATHOM_ASSIGN(auto writer, LogitsWriter::Create(options.out, config, tokens, options.outputs));
  base::ThreadPool pool(ChooseThreads(options.threads));
  FATHOM_ASSIGN(const auto weights, LoadWeights(directory, config, pool, options.expert_memory));
  model::Model model(config, weights.weights(), *kernels, pool, std::min(options.chunk, tokens));
  FATHOM_TRY(Compute(model, ids, options.outputs.mtp, writer));
  FATHOM_TRY(writer.Finish());
  return ExitCode::kSuccess;
}

}  // namespace

void AddLogitsCommand(CommandLine& command_line) {
  const auto options = std::make_shared<LogitsCommandOptions>();
  CLI::App& app = command_line.Add(
      {.name = "logits",
       .group = kModelGroup,
       .summary = "Write a model's logits for given token ids",
       .details =
           "The output is a safetensors file of F32 tensors: logits [T, V]; with --mtp also\n"
           "mtp_logits [T-1, V], whose row t predicts token t+2; with --hidden also\n"
           "layers.L.hidden [T, hc, D]. Its bytes are the same for any --chunk and\n"
           "--threads.",
       .examples = "echo 'The code of' | fathom tokenize > ids\n"
                   "fathom logits --ids ids --out logits.safetensors"},
      [options] { return WriteLogits(*options); });
  AddModelOption(app, &options->model);
  AddText(app, "--ids", "FILE", "Token ids between white space; - is standard input", &options->ids)
      .Require();
  AddText(app, "--out", "FILE", "The safetensors file to write", &options->out).Require();
  AddFlag(app, "--mtp", "Also write the MTP head's logits", &options->outputs.mtp);
  AddFlag(app, "--hidden", "Also write the streams after each layer", &options->outputs.hidden);
  AddInteger(app, "--chunk", {1, 8192}, "Tokens of one forward pass (default: 512)",
             [options](int64_t chunk) { options->chunk = chunk; });
  AddThreadsOption(app, &options->threads);
  AddExpertMemoryOption(app, &options->expert_memory);
}

}  // namespace fathom::cli
