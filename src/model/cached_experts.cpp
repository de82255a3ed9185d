#include "model/cached_experts.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "model/weights_check.h"

namespace fathom::model {
namespace {

// Experts that are read before they are needed: enough of them that a fast disk always has work
// (one of V4-Flash has 13 MB), few enough that they do not push out what is kept for long.
constexpr int64_t kReadAhead = 32;

// Completions name a slot and one of an expert's stretches, of which there are at most as many as
// tensors.
constexpr uint64_t kStretchesPerTag = 8;

}  // namespace

base::Result<std::unique_ptr<CachedExperts>> CachedExperts::Create(
    const checkpoint::TensorDirectory& directory, const std::vector<StoredExpert>& stored,
    ExpertCacheOptions options) {
  std::vector<Expert> experts;
  uint64_t slot_bytes = 0;
  for (const StoredExpert& expert : stored) {
    experts.push_back({expert, PlanExpert(expert)});
    slot_bytes = std::max(slot_bytes, experts.back().layout.slot_bytes);
  }
  const auto fewest = static_cast<uint64_t>(options.experts_per_token);
  const uint64_t slots = std::min<uint64_t>(options.memory / slot_bytes, experts.size());
  if (slots < fewest)
    return base::MakeError(
        "expert_memory: {} bytes are fewer than the {} that one token's {} experts of {} take",
        options.memory, fewest * slot_bytes, fewest, directory.path());
  std::vector<base::OpenFile> files;
  for (const base::OpenFile& file : directory.open_files()) {
    FATHOM_ASSIGN(base::OpenFile direct, file.ReopenDirect());
    files.push_back(std::move(direct));
  }
  FATHOM_ASSIGN(auto memory, base::MemoryRegion::Allocate(slots * slot_bytes, "experts"));
  memory.TryLock();
  return std::unique_ptr<CachedExperts>(new CachedExperts(
      std::move(files), std::move(experts), std::move(options), std::move(memory), slot_bytes));
}

CachedExperts::CachedExperts(std::vector<base::OpenFile> files, std::vector<Expert> experts,
                             ExpertCacheOptions options, base::MemoryRegion memory,
                             uint64_t slot_bytes)
    : files_(std::move(files)),
      experts_(std::move(experts)),
      options_(std::move(options)),
      memory_(std::move(memory)),
      slot_bytes_(slot_bytes),
      slots_(static_cast<int64_t>(memory_.size() / slot_bytes),
             static_cast<int64_t>(experts_.size())),
      fills_(static_cast<size_t>(slots_.slots())),
      contents_(static_cast<size_t>(slots_.slots())),
      read_ahead_(std::clamp<int64_t>(slots_.slots() / 2, 1, kReadAhead)),
      reader_(std::move(options_.reader)) {}

int64_t CachedExperts::IdOf(int64_t layer, const ExpertUse& use) const {
  return layer * options_.experts_per_layer + use.expert;
}

// An expert that could not be read is then no longer there, and fails again where it is waited for.
void CachedExperts::TakeArrived() {
  while (const auto completion = reader_->Poll()) Take(*completion);
}

void CachedExperts::Prefetch(int64_t layer, std::span<const ExpertUse> uses) {
  TakeArrived();
  for (const ExpertUse& use : uses)
    if (const auto slot = slots_.Find(IdOf(layer, use))) slots_.Want(*slot);
  for (const ExpertUse& use : uses) {
    if (slots_.filled_ahead() >= read_ahead_) break;
    const int64_t expert = IdOf(layer, use);
    if (slots_.Find(expert)) continue;
    const auto room = slots_.FindRoom(false);
    if (!room) break;
    StartReading(expert, *room);
  }
  SubmitReads();
}

base::Result<ExpertGroup> CachedExperts::Acquire(int64_t layer, std::span<const ExpertUse> uses) {
  slots_.UnpinAll();
  group_.clear();
  Prefetch(layer, uses);
  FATHOM_TRY(Await(IdOf(layer, uses.front())));
  TakeArrived();
  for (const ExpertUse& use : uses) {
    const auto slot = slots_.Find(IdOf(layer, use));
    if (!slot || !slots_.IsFilled(*slot)) break;
    slots_.Use(*slot, use.tokens);
    group_.push_back(&contents_[*slot]);
  }
  statistics_.uses += static_cast<int64_t>(group_.size());
  // The next group is read while this one is computed with.
  Prefetch(layer, uses.subspan(group_.size()));
  return ExpertGroup(group_);
}

// Something can always be evicted, or is being read and will then be there to be evicted: nothing
// is pinned now.
base::Status CachedExperts::Await(int64_t expert) {
  for (;;) {
    const auto slot = slots_.Find(expert);
    if (slot && slots_.IsFilled(*slot)) return {};
    if (!slot) {
      if (const auto room = slots_.FindRoom(true)) {
        StartReading(expert, *room);
        SubmitReads();
        continue;
      }
    }
    const auto start = std::chrono::steady_clock::now();
    const base::ReadCompletion completion = reader_->Wait();
    statistics_.wait_seconds +=
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const auto outcome = Take(completion);
    if (outcome && outcome->expert == expert && !outcome->status.ok()) return outcome->status;
  }
}

void CachedExperts::StartReading(int64_t expert, size_t slot) {
  slots_.BeginFill(slot, expert);
  const ExpertLayout& layout = experts_[static_cast<size_t>(expert)].layout;
  fills_[slot] = {layout.stretches.size(), {}};
  for (size_t i = 0; i < layout.stretches.size(); ++i) {
    const FileStretch& stretch = layout.stretches[i];
    requests_.push_back({.descriptor = files_[stretch.file].descriptor(),
                         .offset = stretch.begin,
                         .buffer = SlotData(slot) + stretch.slot_offset,
                         .bytes = stretch.bytes(),
                         .needed = stretch.needed(),
                         .alignment = base::OpenFile::kDirectBlock,
                         .tag = slot * kStretchesPerTag + i});
    statistics_.bytes_read += stretch.bytes();
  }
  ++statistics_.reads;
}

void CachedExperts::SubmitReads() {
  if (!requests_.empty()) reader_->Submit(requests_);
  requests_.clear();
}

// The outcome of a slot's fill, if this was its last stretch.
std::optional<CachedExperts::Outcome> CachedExperts::Take(const base::ReadCompletion& completion) {
  const size_t slot = completion.tag / kStretchesPerTag;
  const int64_t id = slots_.ExpertIn(slot);
  const Expert& expert = experts_[static_cast<size_t>(id)];
  const FileStretch& stretch = expert.layout.stretches[completion.tag % kStretchesPerTag];
  Fill& fill = fills_[slot];
  if (completion.error != 0) fill.error = DescribeFault(stretch, completion.error);
  const base::OpenFile& file = files_[stretch.file];
  if (!file.is_direct()) file.ForgetCached(stretch.begin, stretch.bytes());
  if (--fill.stretches_left > 0) return std::nullopt;
  const base::Status status =
      fill.error ? base::Status(*fill.error) : Finish(expert, SlotData(slot));
  if (status.ok()) {
    contents_[slot] = BindExpert(options_.shape, expert.layout, SlotData(slot));
    slots_.EndFill(slot);
  } else {
    slots_.Clear(slot);
  }
  return Outcome{id, status};
}

base::Error CachedExperts::DescribeFault(const FileStretch& stretch, int error) const {
  const std::string& path = files_[stretch.file].path();
  if (error == base::ReadCompletion::kEndOfFile)
    return base::MakeError("{}: ends before byte {}: truncated?", path, stretch.end);
  return base::MakeError("{}: cannot read {} bytes at {}: {}", path, stretch.needed(),
                         stretch.begin, std::strerror(error));
}

// Checks the scales, and brings those stored as F32 into the form that kernels read.
base::Status CachedExperts::Finish(const Expert& expert, std::byte* data) {
  for (const size_t i : {1, 3, 5}) {
    const checkpoint::StoredTensor& stored = *expert.stored[i];
    tensor::TensorView scales = stored.view;
    scales.data = data + expert.layout.tensor_offsets[i];
    const bool floats = scales.dtype == tensor::DType::kF32;
    const base::Status status = floats ? CheckFloatScales(scales) : CheckScales(scales);
    if (!status.ok())
      return base::MakeError("{}: tensor \"{}\": {}", files_[stored.file].path(), stored.name,
                             status.error().message);
    if (floats)
      ConvertScales(scales, reinterpret_cast<uint8_t*>(data + expert.layout.tensor_offsets[i]));
  }
  return {};
}

}  // namespace fathom::model
