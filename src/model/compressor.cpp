#include "model/compressor.h"

#include <algorithm>
#include <cstring>

namespace fathom::model {
namespace {

// Slots of the longest block: 128 tokens, or two blocks of 4.
constexpr int64_t kMaxSlots = 128;

int64_t Width(const Pass& pass, const CompressorPart& part) {
  return pass.config.compressor_width(pass.plan(), part.dim);
}

void AddPositionalBias(Pass& pass, const CompressorPart& part, int64_t width) {
  const int64_t ratio = pass.plan().compress_ratio;
  pass.ops.pool.ForRanges(pass.tokens(), 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t)
      pass.ops.kernels.add(part.weights.ape + pass.batch.position(t) % ratio * width, width,
                           part.activations.scores.data() + t * width);
  });
}

// Where the projections of the block's tokens are: in the batch, or kept from an earlier one.
struct SlotPointers {
  const float* values[kMaxSlots];
  const float* scores[kMaxSlots];
  int64_t count = 0;

  void Add(const float* value, const float* score) {
    values[count] = value;
    scores[count++] = score;
  }
};

SlotPointers FindSlots(const CompressorPart& part, const Batch::Run& run,
                       const kv::CompressorState& state, const LayerPlan& plan, int64_t width,
                       int64_t index) {
  SlotPointers slots;
  const int64_t begin = index * plan.compress_ratio;
  const int64_t end = begin + plan.compress_ratio;
  // An overlapped row pools the previous block with the first half of the channels and its own with
  // the second half. The first row has no previous block.
  const int64_t first = plan.overlapped && index > 0 ? begin - plan.compress_ratio : begin;
  for (int64_t position = first; position < end; ++position) {
    const int64_t offset = plan.overlapped && position >= begin ? part.dim : 0;
    if (position >= run.first_position) {
      const int64_t t = run.first_token + position - run.first_position;
      slots.Add(part.activations.values.data() + t * width + offset,
                part.activations.scores.data() + t * width + offset);
    } else {
      const int64_t slot = position % state.slots();
      slots.Add(state.values.row(slot) + offset, state.scores.row(slot) + offset);
    }
  }
  return slots;
}

// Norm, then RoPE at the position of the block's first token.
void NormaliseAndRotate(Pass& pass, const CompressorPart& part, const Rope& rope, int64_t index,
                        float* row) {
  const auto& kernels = pass.ops.kernels;
  const int64_t pairs = rope.pairs();
  // An indexer key holds the rotated dimensions too.
  float cosines[kernels::kMaxIndexDim / 2];
  float sines[kernels::kMaxIndexDim / 2];
  kernels.rms_norm(row, part.weights.norm, pass.config.rms_norm_eps, part.dim, row);
  rope.Rotation(index * pass.plan().compress_ratio, cosines, sines);
  kernels.rotate(row + part.dim - 2 * pairs, 1, 0, cosines, sines, pairs);
}

void KeepProjections(const CompressorPart& part, const Batch::Run& run, kv::CompressorState& state,
                     int64_t width) {
  const int64_t kept = std::min(run.count, state.slots());
  for (int64_t i = run.count - kept; i < run.count; ++i) {
    const int64_t slot = (run.first_position + i) % state.slots();
    const int64_t offset = (run.first_token + i) * width;
    const auto bytes = static_cast<size_t>(width) * sizeof(float);
    std::memcpy(state.values.row(slot), part.activations.values.data() + offset, bytes);
    std::memcpy(state.scores.row(slot), part.activations.scores.data() + offset, bytes);
  }
}

}  // namespace

void AddCompressorTasks(const Pass& pass, const CompressorPart& part,
                        std::vector<ops::MatmulTask>& tasks) {
  const auto x = ops::ActivationRows::Float(pass.activations.x.data(), pass.activations.x.cols());
  tasks.push_back(
      ops::MatmulTask::Whole(part.weights.wkv, x, pass.tokens(), part.activations.values.data()));
  tasks.push_back(
      ops::MatmulTask::Whole(part.weights.wgate, x, pass.tokens(), part.activations.scores.data()));
}

void CompressBlocks(Pass& pass, const CompressorPart& part,
                    base::FunctionRef<void(kv::LayerCache&, int64_t, float*, int)> store) {
  const LayerPlan& plan = pass.plan();
  const int64_t width = Width(pass, part);
  AddPositionalBias(pass, part, width);
  for (const Batch::Run& run : pass.batch.runs()) {
    kv::LayerCache& cache = run.cache->layer(pass.layer);
    kv::CompressorState& state = cache.*part.state;
    const int64_t first = run.first_position / plan.compress_ratio;
    const int64_t end = (run.first_position + run.count) / plan.compress_ratio;
    pass.ops.pool.ForEach(end - first, [&](int64_t i, int worker) {
      const SlotPointers slots = FindSlots(part, run, state, plan, width, first + i);
      float* row = part.activations.row.row(worker);
      pass.ops.kernels.pool(slots.values, slots.scores, slots.count, part.dim, row);
      NormaliseAndRotate(pass, part, pass.compressed_rope, first + i, row);
      store(cache, first + i, row, worker);
    });
    KeepProjections(part, run, state, width);
  }
}

}  // namespace fathom::model
