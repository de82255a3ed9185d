#include "model/synth.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "checkpoint/writer.h"
#include "model/config.h"
#include "model/random_values.h"
#include "model/tensor_names.h"

namespace fathom::model {
namespace {

// What one thread fills at a time, and what is written at a time. Buffers of 32 MB keep two dozen
// threads busy while one of them writes.
constexpr int64_t kPieceBytes = int64_t{1} << 20;
constexpr int64_t kBufferBytes = int64_t{32} << 20;

base::Status CheckRange(std::string_view option, std::optional<int64_t> value, int64_t most) {
  if (!value || (*value >= 1 && *value <= most)) return {};
  return base::MakeError("{}: {} is not between 1 and {}", option, *value, most);
}

// Elements [begin, end) of one tensor, to be written to `offset` of the buffer.
struct Piece {
  const TensorSlot* slot;
  int64_t begin;
  int64_t end;
  int64_t offset;
};

// What fits in one buffer.
struct Load {
  std::vector<Piece> pieces;
  int64_t bytes = 0;
};

// Cuts all tensors into pieces, in order, and hands them out a buffer at a time.
class PieceCutter {
 public:
  explicit PieceCutter(const std::vector<TensorSlot>& slots) : slots_(slots) {}

  /// The next pieces; none at the end.
  Load Next(uint64_t seed) {
    Load load;
    while (slot_ < slots_.size()) {
      const TensorSlot& slot = slots_[slot_];
      const int64_t elements = tensor::ElementCount(slot.shape);
      const int64_t size = tensor::SizeOf(slot.dtype);
      const int64_t grain = RandomValues(slot, seed).grain();
      const int64_t most = std::max(kPieceBytes / size / grain, int64_t{1}) * grain;
      const int64_t end = std::min(begin_ + most, elements);
      const int64_t bytes = (end - begin_) * size;
      if (!load.pieces.empty() && load.bytes + bytes > kBufferBytes) break;
      load.pieces.push_back({&slot, begin_, end, load.bytes});
      load.bytes += bytes;
      begin_ = end < elements ? end : 0;
      if (begin_ == 0) ++slot_;
    }
    return load;
  }

 private:
  const std::vector<TensorSlot>& slots_;
  size_t slot_ = 0;
  int64_t begin_ = 0;
};

// Fills one buffer while the one before is written.
base::Status WriteTensors(const std::vector<TensorSlot>& slots, uint64_t seed,
                          checkpoint::ShardedWriter& writer, base::ThreadPool& pool,
                          const checkpoint::Progress& progress) {
  std::array<std::vector<std::byte>, 2> buffers;
  int64_t pending_bytes = 0;  // of buffers[1], filled and not written yet
  uint64_t done = 0;
  PieceCutter cutter(slots);
  for (;;) {
    const Load load = cutter.Next(seed);
    if (load.pieces.empty() && pending_bytes == 0) return {};
    buffers[0].resize(std::max(buffers[0].size(), static_cast<size_t>(load.bytes)));
    base::Status written;
    pool.ForEach(static_cast<int64_t>(load.pieces.size()) + 1, [&](int64_t item, int) {
      if (item == 0) {
        written = writer.Append({buffers[1].data(), static_cast<size_t>(pending_bytes)});
        return;
      }
      const Piece& piece = load.pieces[static_cast<size_t>(item - 1)];
      RandomValues(*piece.slot, seed)
          .Fill(piece.begin, piece.end, buffers[0].data() + piece.offset);
    });
    FATHOM_TRY(written);
    done += static_cast<uint64_t>(pending_bytes);
    if (progress) progress(done, writer.total_bytes());
    std::swap(buffers[0], buffers[1]);
    pending_bytes = load.bytes;
  }
}

}  // namespace

base::Result<std::string> CutConfig(std::string_view config_json, const std::string& source,
                                    const SynthOptions& options) {
  FATHOM_ASSIGN(const ModelConfig config, ParseConfig(config_json, source));
  FATHOM_TRY(CheckRange("layers", options.layers, config.num_hidden_layers));
  FATHOM_TRY(CheckRange("experts", options.experts, config.n_routed_experts));
  const int64_t layers = options.layers.value_or(config.num_hidden_layers);
  const int64_t experts = options.experts.value_or(config.n_routed_experts);
  std::vector<int> ratios = config.compress_ratios;
  ratios.erase(ratios.begin() + layers, ratios.begin() + config.num_hidden_layers);

  auto json = nlohmann::ordered_json::parse(config_json);
  json["num_hidden_layers"] = layers;
  json["compress_ratios"] = ratios;
  json["num_hash_layers"] = std::min(config.num_hash_layers, layers);
  json["n_routed_experts"] = experts;
  json["num_experts_per_tok"] = std::min(config.num_experts_per_tok, experts);
  return json.dump(2) + "\n";
}

base::Status WriteRandomCheckpoint(const std::string& directory, std::string_view config_json,
                                   const std::string& source, const SynthOptions& options,
                                   base::ThreadPool& pool, const checkpoint::Progress& progress) {
  FATHOM_ASSIGN(const std::string cut, CutConfig(config_json, source, options));
  FATHOM_ASSIGN(const ModelConfig config, ParseConfig(cut, source));
  std::vector<TensorSlot> slots;
  std::vector<checkpoint::TensorSpec> specs;
  ForEachTensor(config, [&](const TensorSlot& slot) {
    slots.push_back(slot);
    specs.push_back({slot.name, slot.dtype, slot.shape});
  });
  FATHOM_ASSIGN(auto writer, checkpoint::ShardedWriter::Create(directory, std::move(specs)));
  FATHOM_TRY(WriteTensors(slots, options.seed, writer, pool, progress));
  FATHOM_TRY(writer.Finish());
  return base::ReplaceFile(directory + "/config.json", cut);
}

}  // namespace fathom::model
