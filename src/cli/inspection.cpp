#include "cli/inspection.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "checkpoint/directory.h"
#include "cli/kv_figures.h"
#include "kernels/dispatch.h"
#include "text/json_field.h"
#include "text/tokenizer.h"

namespace fathom::cli {
namespace {

/// "3 tensors are of no use to the model: "a", "b" and 1 more"
std::string DescribeUnknown(const std::vector<std::string>& names) {
  constexpr size_t kShown = 3;
  std::string text =
      fmt::format("{} of no use to the model: ",
                  names.size() == 1 ? "a tensor is" : fmt::format("{} tensors are", names.size()));
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i)
    text += (i == 0 ? "" : ", ") + text::Quote(names[i]);
  if (names.size() > kShown) text += fmt::format(" and {} more", names.size() - kShown);
  return text;
}

void CheckTokenizer(Inspection& inspection) {
  const std::string path = inspection.directory + "/tokenizer.json";
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    inspection.problems.push_back("no tokenizer.json: the model reads and writes token ids only");
    return;
  }
  const auto tokenizer = text::Tokenizer::Load(path);
  if (!tokenizer.ok()) {
    inspection.problems.push_back(tokenizer.error().message);
    return;
  }
  inspection.has_tokenizer = true;
  const model::ModelConfig& config = inspection.config;
  if (tokenizer->vocab_size() > config.vocab_size)
    inspection.problems.push_back(
        fmt::format("{}: has ids up to {}, but config.json's vocab_size is {}", path,
                    tokenizer->vocab_size() - 1, config.vocab_size));
  for (const auto& [key, id] :
       {std::pair("bos_token_id", config.bos_token_id), {"eos_token_id", config.eos_token_id}})
    if (!tokenizer->Has(id))
      inspection.problems.push_back(
          fmt::format("{}: has no token {}, which is config.json's {}", path, id, key));
}

}  // namespace

base::Result<Inspection> InspectCheckpoint(const std::string& directory, base::ThreadPool& pool,
                                           const checkpoint::Progress& progress) {
  Inspection inspection;
  inspection.directory = directory;
  FATHOM_ASSIGN(inspection.config, model::LoadConfig(directory));
  FATHOM_ASSIGN(const kernels::KernelTable* isa, kernels::SelectKernels());
  inspection.isa = isa->name;
  for (const kernels::KernelTable* table : kernels::SupportedKernels())
    inspection.isas.emplace_back(table->name);

  FATHOM_ASSIGN(const auto weights, model::LoadedWeights::Open(directory, inspection.config, pool,
                                                               {.progress = progress}));
  inspection.weights = weights.report();
  inspection.parameters = model::CountParameters(inspection.config);
  inspection.published_kv_per_token = PublishedBytesPerToken(inspection.config);
  inspection.engine_kv_per_token = EngineBytesPerToken(inspection.config);
  inspection.engine_kv_fixed = EngineFixedBytes(inspection.config);
  if (!inspection.weights.unknown_tensors.empty())
    inspection.problems.push_back(DescribeUnknown(inspection.weights.unknown_tensors));
  CheckTokenizer(inspection);
  return inspection;
}

}  // namespace fathom::cli
