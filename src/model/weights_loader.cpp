#include "model/weights_loader.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

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
  std::optional<size_t> repacked_at;  // offset of its copy; none: used in place
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
size_t PlanRepacking(std::vector<Match>& matches) {
  constexpr size_t kAlignment = 64;
  size_t bytes = 0;
  for (Match& match : matches) {
    if (!IsMisaligned(match) && !HasFloatScales(match)) continue;
    match.repacked_at = bytes;
    const auto elements = static_cast<size_t>(match.stored->view.elements());
    bytes += HasFloatScales(match) ? elements : elements * sizeof(float);
    bytes = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }
  return bytes;
}

base::Status CheckContent(const Match& match) {
  const tensor::TensorView& view = match.stored->view;
  switch (match.slot.kind) {
    case TensorKind::kMatrix:
      return view.dtype == DType::kF32 ? CheckFinite(view) : base::Status();
    case TensorKind::kScales:
      return view.dtype == DType::kF32 ? CheckFloatScales(view) : CheckScales(view);
    case TensorKind::kFloats:
    case TensorKind::kNorm:
      return CheckFinite(view);
    case TensorKind::kExpertIds:
      return CheckExpertIds(view, match.slot.experts);
  }
  return {};
}

bool IsRead(const Match& match) {
  return match.slot.kind != TensorKind::kMatrix || match.slot.dtype == DType::kF32;
}

void Repack(const Match& match, std::byte* out) {
  const tensor::TensorView& view = match.stored->view;
  if (HasFloatScales(match))
    ConvertScales(view, reinterpret_cast<uint8_t*>(out));
  else
    std::memcpy(out, view.data, static_cast<size_t>(view.bytes()));
}

// Checks the contents and makes the repacked copies.
base::Status ReadContents(const TensorDirectory& directory, const std::vector<Match>& matches,
                          std::byte* repacked, base::ThreadPool& pool,
                          const checkpoint::Progress& progress) {
  std::vector<const Match*> work;
  uint64_t total = 0;
  for (const Match& match : matches) {
    if (!IsRead(match)) continue;
    work.push_back(&match);
    total += static_cast<uint64_t>(match.stored->view.bytes());
  }
  constexpr size_t kStep = 512;  // tensors between two reports of progress
  std::vector<base::Status> results(kStep);
  uint64_t done = 0;
  for (size_t begin = 0; begin < work.size(); begin += kStep) {
    const size_t count = std::min(kStep, work.size() - begin);
    pool.ForEach(static_cast<int64_t>(count), [&](int64_t i, int) {
      const Match& match = *work[begin + static_cast<size_t>(i)];
      base::Status& result = results[static_cast<size_t>(i)];
      result = CheckContent(match);
      if (result.ok() && match.repacked_at) Repack(match, repacked + *match.repacked_at);
    });
    for (size_t i = 0; i < count; ++i) {
      const Match& match = *work[begin + i];
      if (!results[i].ok())
        return base::MakeError("{}: tensor \"{}\": {}", directory.FileOf(*match.stored),
                               match.slot.name, results[i].error().message);
      done += static_cast<uint64_t>(match.stored->view.bytes());
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

}  // namespace

base::Result<LoadedWeights> LoadedWeights::Load(TensorDirectory directory,
                                                const ModelConfig& config, base::ThreadPool& pool,
                                                const checkpoint::Progress& progress) {
  ModelWeights weights;
  FATHOM_ASSIGN(std::vector<Match> matches, FindTensors(directory, config, weights));
  LoadReport report;
  report.unknown_tensors = ListUnknown(directory, matches);
  report.repacked_bytes = PlanRepacking(matches);
  tensor::Matrix<std::byte> repacked(1, static_cast<int64_t>(report.repacked_bytes));
  FATHOM_TRY(ReadContents(directory, matches, repacked.data(), pool, progress));
  for (const Match& match : matches) {
    const tensor::TensorView& view = match.stored->view;
    match.slot.Bind(match.repacked_at ? repacked.data() + *match.repacked_at : view.data);
    if (!match.repacked_at)
      report.in_place_bytes[view.dtype] += static_cast<uint64_t>(view.bytes());
  }
  return LoadedWeights(std::move(directory), std::move(repacked), std::move(weights),
                       std::move(report));
}

}  // namespace fathom::model
