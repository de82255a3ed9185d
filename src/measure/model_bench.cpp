#include "measure/model_bench.h"

#include <algorithm>
#include <numeric>

#include "base/available_memory.h"
#include "measure/random_fill.h"
#include "measure/stopwatch.h"
#include "model/cost.h"

namespace fathom::measure {
namespace {

using model::AttentionKind;
using model::ModelConfig;

// Whether a token with so much context has more rows in a CSA layer than it may read. If not, the
// engine neither computes the indexer's queries nor reads its keys.
bool NeedsIndexer(const ModelConfig& config, int64_t tokens) {
  return std::any_of(config.layers.begin(), config.layers.end(), [&](const auto& plan) {
    return plan.attention == AttentionKind::kCsa &&
           tokens / plan.compress_ratio > config.index_topk;
  });
}

int64_t CountBytesRead(const ModelConfig& config, int64_t tokens) {
  kv::CacheBytes bytes = model::CountKvBytesRead(config, tokens);
  if (!NeedsIndexer(config, tokens)) bytes.index_keys = 0;
  return bytes.total();
}

// Multiply-adds of a token, without the output matrix.
double CountMacs(const ModelConfig& config, int64_t tokens) {
  const model::TokenFlops flops = model::CountTokenFlops(config, tokens);
  double sum = flops.total().raw() - flops.head.raw();
  if (!NeedsIndexer(config, tokens)) sum -= flops.indexer.fp4 + flops.indexer.fp8;
  return sum / 2;
}

// Pages are taken whole: the unused ends of a layer's last two come to this at most.
constexpr int64_t kPageSlack = 256 << 10;
// Left to everything else.
constexpr uint64_t kSpareBytes = 256 << 20;

// Why the caches of a row do not fit, or nothing.
std::string CheckRoom(const ModelConfig& config, int64_t context, int64_t batch) {
  const auto layers = static_cast<int64_t>(config.layers.size());
  const double need =
      static_cast<double>(model::CountKvBytes(config, context).total() + layers * kPageSlack) *
      static_cast<double>(batch);
  const uint64_t available = base::AvailableMemory();
  const auto room = static_cast<double>(available - std::min(available, kSpareBytes));
  if (need <= room) return {};
  return fmt::format("the caches need {:.1f} GB of memory, {:.1f} GB are available", need / 1e9,
                     room / 1e9);
}

// Counts the experts of a pass, each once a layer.
class ExpertCounter final : public model::ForwardObserver {
 public:
  explicit ExpertCounter(const ModelConfig& config)
      : experts_(config.n_routed_experts),
        used_(static_cast<size_t>(config.num_hidden_layers * config.n_routed_experts)) {}

  void OnExperts(int64_t layer, int64_t, std::span<const int32_t> experts) override {
    for (const int32_t expert : experts) used_[static_cast<size_t>(layer * experts_ + expert)] = 1;
  }
  /// Since the last call.
  int64_t Take() {
    const int64_t count = std::accumulate(used_.begin(), used_.end(), int64_t{0});
    std::fill(used_.begin(), used_.end(), uint8_t{0});
    return count;
  }

 private:
  int64_t experts_;
  std::vector<uint8_t> used_;
};

}  // namespace

/// The sequences of a row, and random tokens for them.
struct ModelBench::Sequences {
  Sequences(model::Model& of, int64_t batch, uint64_t seed) : model(of), random(seed) {
    for (int64_t i = 0; i < batch; ++i) caches.push_back(model.NewSequence());
  }

  /// Runs `tokens` tokens of the sequences [begin, end), with the logits of the last of each.
  base::Status Run(size_t begin, size_t end, int64_t tokens,
                   model::ForwardObserver* observer = nullptr) {
    const ModelConfig& config = model.config();
    ids.resize((end - begin) * static_cast<size_t>(tokens));
    for (int32_t& id : ids)
      id = static_cast<int32_t>(random.Next() % static_cast<uint64_t>(config.vocab_size));
    std::vector<model::Slice> slices;
    std::vector<int32_t> last;
    for (size_t i = begin; i < end; ++i) {
      const size_t first = (i - begin) * static_cast<size_t>(tokens);
      slices.push_back({&caches[i], std::span(ids).subspan(first, static_cast<size_t>(tokens))});
      last.push_back(static_cast<int32_t>(first) + static_cast<int32_t>(tokens) - 1);
    }
    logits.resize(last.size() * static_cast<size_t>(config.vocab_size));
    FATHOM_TRY(model.Forward(slices, observer));
    model.Logits(last, logits.data());
    return {};
  }

  model::Model& model;
  RandomBits random;
  std::vector<kv::SequenceCache> caches;
  std::vector<int32_t> ids;
  std::vector<float> logits;
};

double ModelRow::prefill_rate() const {
  return static_cast<double>(prefill_tokens) / prefill_seconds;
}

double ModelRow::decode_rate() const { return static_cast<double>(batch) / Median(decode_seconds); }

double ModelRow::weight_bytes_per_token() const {
  return weight_bytes / static_cast<double>(batch);
}

double ModelRow::share_of_read(const Ceilings& ceilings) const {
  const double bytes = weight_bytes + static_cast<double>(kv_bytes_read);
  return bytes / Median(decode_seconds) / ceilings.read_bytes;
}

double ModelRow::share_of_bf16(const Ceilings& ceilings) const {
  return prefill_macs / prefill_seconds / ceilings.bf16_macs;
}

int64_t ModelBench::MaxBatchTokens(const ModelBenchOptions& options, int64_t batch) {
  return std::max(options.prefill_tokens, batch);
}

base::Status ModelBench::WarmUp() {
  Sequences sequences(model_, 1, options_.seed);
  FATHOM_TRY(sequences.Run(0, 1, model_.max_batch_tokens()));
  return sequences.Run(0, 1, 1);
}

base::Result<ModelRow> ModelBench::Measure(int64_t context, int64_t batch,
                                           const RowProgress& progress) {
  FATHOM_CHECK(options_.decode_tokens < context);
  const int64_t before_decode = context - options_.decode_tokens;
  const int64_t chunk = std::clamp<int64_t>(options_.prefill_tokens / batch, 1, before_decode);
  const int64_t depth = before_decode - chunk;
  ModelRow row = {.context = context, .batch = batch};
  row.fill = options_.fill.value_or(depth <= kMostPrefilled ? Fill::kPrefill : Fill::kRandom);
  row.skipped = CheckRoom(model_.config(), context, batch);
  if (!row.skipped.empty()) return row;

  Sequences sequences(model_, batch, options_.seed);
  FATHOM_TRY(FillSequences(row, depth, sequences, progress));
  FATHOM_TRY(Prefill(sequences, chunk, row));
  progress(batch * before_decode, batch * context);
  FATHOM_TRY(Decode(sequences, row));
  progress(batch * context, batch * context);
  row.kv_bytes_read = batch * CountBytesRead(model_.config(), context);
  for (const kv::SequenceCache& cache : sequences.caches) row.kv_bytes += cache.bytes().total();
  return row;
}

base::Status ModelBench::FillSequences(const ModelRow& row, int64_t tokens, Sequences& sequences,
                                       const RowProgress& progress) {
  for (size_t i = 0; i < sequences.caches.size(); ++i) {
    const int64_t done = static_cast<int64_t>(i) * tokens;
    if (row.fill == Fill::kRandom) {
      FillSequence(tokens, options_.seed + i, pool_, sequences.caches[i]);
      progress(done + tokens, row.batch * row.context);
      continue;
    }
    for (int64_t begin = 0; begin < tokens;) {
      const int64_t count = std::min(tokens - begin, model_.max_batch_tokens());
      FATHOM_TRY(sequences.Run(i, i + 1, count));
      begin += count;
      progress(done + begin, row.batch * row.context);
    }
  }
  return {};
}

base::Status ModelBench::Prefill(Sequences& sequences, int64_t tokens, ModelRow& row) {
  const ModelConfig& config = model_.config();
  const int64_t begin = sequences.caches.front().length();
  const Stopwatch watch;
  FATHOM_TRY(sequences.Run(0, sequences.caches.size(), tokens));
  row.prefill_seconds = watch.seconds();
  row.prefill_tokens = row.batch * tokens;
  double macs = static_cast<double>(config.vocab_size * config.hidden_size);
  for (int64_t i = 1; i <= tokens; ++i) macs += CountMacs(config, begin + i);
  row.prefill_macs = static_cast<double>(row.batch) * macs;
  return {};
}

base::Status ModelBench::Decode(Sequences& sequences, ModelRow& row) {
  const model::WeightBytes weights = model::CountWeightBytes(model_.config());
  ExpertCounter counter(model_.config());
  int64_t experts = 0;
  const int64_t barriers = pool_.barriers();
  for (int64_t step = 0; step < options_.decode_tokens; ++step) {
    const Stopwatch watch;
    FATHOM_TRY(sequences.Run(0, sequences.caches.size(), 1, &counter));
    row.decode_seconds.push_back(watch.seconds());
    experts += counter.Take();
  }
  const auto steps = static_cast<double>(options_.decode_tokens);
  row.decode_barriers = static_cast<double>(pool_.barriers() - barriers) / steps;
  row.weight_bytes =
      static_cast<double>(weights.always) + static_cast<double>(weights.expert * experts) / steps;
  return {};
}

}  // namespace fathom::measure
