#include "model/weights_loader.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "model/cached_experts.h"
#include "model/tensor_names.h"
#include "model/weights_check.h"

namespace fathom::model {
namespace {

using checkpoint::StoredTensor;
using checkpoint::TensorDirectory;
using tensor::DType;

// A tensor of the model and where the checkpoint has it.
struct Match {
  TensorSlot slot;
  const StoredTensor* stored = nullptr;
  std::optional<size_t> copied_to;  // offset of its copy; none: used in place
};

bool IsMisaligned(const Match& match) {
  return match.slot.kind == TensorKind::kFloats &&
         reinterpret_cast<uintptr_t>(match.stored->view.data) % alignof(float) != 0;
}

bool HasFloatScales(const Match& match) {
  return match.slot.kind == TensorKind::kScales && match.stored->view.dtype == DType::kF32;
}

base::Result<Match> FindTensor(const TensorDirectory& directory, const TensorSlot& slot) {
  const StoredTensor* stored = directory.Find(slot.name);
  if (stored == nullptr)
    return base::MakeError("{}: tensor \"{}\" ({} {}) is missing", directory.path(), slot.name,
                           tensor::NameOf(slot.dtype), tensor::ToString(slot.shape));
  const Match match{slot, stored, {}};
  const tensor::TensorView& view = stored->view;
  if ((view.dtype == slot.dtype || HasFloatScales(match)) && view.shape == slot.shape) return match;
  return base::MakeError("{}: tensor \"{}\": expected {} {}, found {} {}",
                         directory.FileOf(*stored), slot.name, tensor::NameOf(slot.dtype),
                         tensor::ToString(slot.shape), tensor::NameOf(view.dtype),
                         tensor::ToString(view.shape));
}

// Listing a model's tensors takes memory for each of its experts. Where the checkpoint has not even
// one tensor for each, the list is not made.
base::Status CheckExpertCount(const TensorDirectory& directory, const ModelConfig& config) {
  const auto layers = static_cast<int64_t>(config.layers.size());
  const auto stored = static_cast<int64_t>(directory.tensors().size());
  if (config.n_routed_experts <= stored / layers) return {};
  return base::MakeError(
      "{}: holds {} tensors, too few for {} layers of {} experts (n_routed_experts)",
      directory.path(), stored, layers, config.n_routed_experts);
}

base::Result<std::vector<Match>> FindTensors(const TensorDirectory& directory,
                                             const ModelConfig& config, ModelWeights& weights) {
  FATHOM_TRY(CheckExpertCount(directory, config));
  std::vector<Match> matches;
  std::optional<base::Error> error;
  ForEachTensor(config, weights, [&](const TensorSlot& slot) {
    if (error) return;
    base::Result<Match> match = FindTensor(directory, slot);
    if (match.ok())
      matches.push_back(std::move(*match));
    else
      error = match.error();
  });
  if (error) return *error;
  return matches;
}

// Gives every tensor that cannot be used in place room in one buffer, whose size is returned.
// One allocation: F32 scales alone can be 67,000 tensors, more than a process may map.
size_t PlanCopies(std::vector<Match>& matches, checkpoint::Access access) {
  constexpr size_t kAlignment = 64;
  const bool all = access == checkpoint::Access::kRead;
  size_t bytes = 0;
  for (Match& match : matches) {
    if (!all && !IsMisaligned(match) && !HasFloatScales(match)) continue;
    match.copied_to = bytes;
    // Scales that are read come as they are stored and are converted where they are.
    bytes += HasFloatScales(match) && !all ? static_cast<size_t>(match.stored->view.elements())
                                           : match.stored->bytes();
    bytes = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }
  return bytes;
}

base::Status CheckContent(const TensorSlot& slot, const tensor::TensorView& view) {
  switch (slot.kind) {
    case TensorKind::kMatrix:
      return view.dtype == DType::kF32 ? CheckFinite(view) : base::Status();
    case TensorKind::kScales:
      return view.dtype == DType::kF32 ? CheckFloatScales(view) : CheckScales(view);
    case TensorKind::kFloats:
    case TensorKind::kNorm:
      return CheckFinite(view);
    case TensorKind::kExpertIds:
      return CheckExpertIds(view, slot.experts);
  }
  return {};
}

// Everything but the elements of mapped matrices.
bool IsRead(const Match& match) {
  return match.slot.kind != TensorKind::kMatrix || match.slot.dtype == DType::kF32 ||
         match.stored->view.data == nullptr;
}

// Reads and checks a tensor, and makes its copy if it has one.
base::Status ReadContent(const TensorDirectory& directory, const Match& match, std::byte* copies) {
  tensor::TensorView view = match.stored->view;
  std::byte* copy = match.copied_to ? copies + *match.copied_to : nullptr;
  if (view.data == nullptr) {
    FATHOM_TRY(directory.Read(*match.stored, {copy, match.stored->bytes()}));
    view.data = copy;
  }
  const base::Status status = CheckContent(match.slot, view);
  if (!status.ok())
    return base::MakeError("{}: tensor \"{}\": {}", directory.FileOf(*match.stored),
                           match.slot.name, status.error().message);
  if (copy == nullptr) return {};
  if (HasFloatScales(match))
    ConvertScales(view, reinterpret_cast<uint8_t*>(copy));
  else if (copy != view.data)
    std::memcpy(copy, view.data, match.stored->bytes());
  return {};
}

base::Status ReadContents(const TensorDirectory& directory, const std::vector<Match>& matches,
                          std::byte* copies, base::ThreadPool& pool,
                          const checkpoint::Progress& progress) {
  std::vector<const Match*> work;
  uint64_t total = 0;
  for (const Match& match : matches) {
    if (!IsRead(match)) continue;
    work.push_back(&match);
    total += match.stored->bytes();
  }
  constexpr size_t kStep = 64;  // tensors between two reports of progress
  std::vector<base::Status> results(kStep);
  uint64_t done = 0;
  for (size_t begin = 0; begin < work.size(); begin += kStep) {
    const size_t count = std::min(kStep, work.size() - begin);
    pool.ForEach(static_cast<int64_t>(count), [&](int64_t i, int) {
      const Match& match = *work[begin + static_cast<size_t>(i)];
      results[static_cast<size_t>(i)] = ReadContent(directory, match, copies);
    });
    for (size_t i = 0; i < count; ++i) {
      FATHOM_TRY(results[i]);
      done += work[begin + i]->stored->bytes();
    }
    if (progress) progress(done, total);
  }
  return {};
}

std::vector<std::string> ListUnknown(const TensorDirectory& directory,
                                     const std::vector<Match>& matches) {
  const auto tensors = directory.tensors();
  std::vector<bool> known(tensors.size());
  for (const Match& match : matches) known[static_cast<size_t>(match.stored - tensors.data())] = 1;
  std::vector<std::string> unknown;
  for (size_t i = 0; i < tensors.size(); ++i)
    if (!known[i] && !IsSharedCopy(tensors[i].name)) unknown.push_back(tensors[i].name);
  return unknown;
}

// Takes the tensors of routed experts out of `matches`.
std::vector<StoredExpert> TakeExperts(std::vector<Match>& matches) {
  std::vector<StoredExpert> experts;
  size_t tensors = 0;
  for (const Match& match : matches) {
    if (!match.slot.is_routed) continue;
    const size_t part = tensors++ % StoredExpert().size();
    if (part == 0) experts.emplace_back();
    experts.back()[part] = match.stored;
  }
  std::erase_if(matches, [](const Match& match) { return match.slot.is_routed; });
  return experts;
}

base::Result<std::unique_ptr<ExpertSource>> MakeExpertSource(
    const TensorDirectory& directory, const std::vector<StoredExpert>& cached,
    const ModelConfig& config, const ModelWeights& weights, LoadOptions& options) {
  if (cached.empty())
    return std::unique_ptr<ExpertSource>(std::make_unique<MappedExperts>(ListExperts(weights)));
  auto reader = options.reader ? std::move(options.reader) : base::MakeAsyncReader();
  FATHOM_ASSIGN(auto source, CachedExperts::Create(directory, cached,
                                                   {.memory = options.expert_memory,
                                                    .experts_per_layer = config.n_routed_experts,
                                                    .experts_per_token = config.num_experts_per_tok,
                                                    .shape = ListExperts(weights).front().front(),
                                                    .reader = std::move(reader)}));
  return std::unique_ptr<ExpertSource>(std::move(source));
}

}  // namespace

LoadedWeights::LoadedWeights(TensorDirectory directory, base::MemoryRegion copies,
                             ModelWeights weights, std::unique_ptr<ExpertSource> experts,
                             LoadReport report)
    : directory_(std::move(directory)),
      copies_(std::move(copies)),
      weights_(std::move(weights)),
      experts_(std::move(experts)),
      report_(std::move(report)) {
  weights_.experts = experts_.get();
}

base::Result<LoadedWeights> LoadedWeights::Open(const std::string& path, const ModelConfig& config,
                                                base::ThreadPool& pool, LoadOptions options) {
  auto access = options.large_pages ? checkpoint::Access::kMappedAnew : checkpoint::Access::kMapped;
  if (options.expert_memory > 0) access = checkpoint::Access::kRead;
  FATHOM_ASSIGN(TensorDirectory directory, TensorDirectory::Open(path, {}, access));
  return Load(std::move(directory), config, pool, std::move(options));
}

base::Result<LoadedWeights> LoadedWeights::Load(TensorDirectory directory,
                                                const ModelConfig& config, base::ThreadPool& pool,
                                                LoadOptions options) {
  const bool reads = directory.access() == checkpoint::Access::kRead;
  FATHOM_CHECK(reads == (options.expert_memory > 0));
  ModelWeights weights;
  FATHOM_ASSIGN(std::vector<Match> matches, FindTensors(directory, config, weights));
  LoadReport report;
  report.unknown_tensors = ListUnknown(directory, matches);
  std::vector<StoredExpert> cached;
  if (reads) cached = TakeExperts(matches);
  FATHOM_ASSIGN(auto experts, MakeExpertSource(directory, cached, config, weights, options));
  report.repacked_bytes = PlanCopies(matches, directory.access());
  FATHOM_ASSIGN(auto copies, base::MemoryRegion::Allocate(report.repacked_bytes, "weights"));
  if (reads) copies.TryLock();
  FATHOM_TRY(ReadContents(directory, matches, copies.data(), pool, options.progress));
  for (const base::OpenFile& file : directory.open_files()) file.ForgetCached(0, 0);
  for (const Match& match : matches) {
    const tensor::TensorView& view = match.stored->view;
    match.slot.Bind(match.copied_to ? copies.data() + *match.copied_to : view.data);
    if (!match.copied_to) report.in_place_bytes[view.dtype] += match.stored->bytes();
  }
  return LoadedWeights(std::move(directory), std::move(copies), std::move(weights),
                       std::move(experts), std::move(report));
}

}  // namespace fathom::model
