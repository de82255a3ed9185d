// How fast a model prefills and decodes at a given depth.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "measure/ceilings.h"
#include "model/model.h"

namespace fathom::measure {

/// How the tokens before the measured ones get into the cache.
enum class Fill : uint8_t {
  kPrefill,  ///< they are computed
  kRandom,   ///< random rows take their place, see random_fill.h
};

struct ModelBenchOptions {
  int64_t prefill_tokens = 512;  ///< of the chunk, all sequences together
  int64_t decode_tokens = 8;     ///< of each sequence
  std::optional<Fill> fill{};    ///< none: kPrefill up to kMostPrefilled tokens, else kRandom
  uint64_t seed = 1;             ///< of token ids and random rows
};

/// Called with how far a row is.
using RowProgress = std::function<void(int64_t tokens_done, int64_t tokens)>;

/// What was measured at one depth with one batch. Seconds are those of the forward pass with the
/// logits of each sequence's last token.
struct ModelRow {
  int64_t context = 0;  ///< tokens of each sequence after the last step
  int64_t batch = 0;    ///< sequences
  Fill fill = Fill::kPrefill;
  std::string skipped{};  ///< why nothing was measured; else empty

  int64_t prefill_tokens = 0;  ///< of the chunk, all sequences together
  double prefill_seconds = 0;
  double prefill_macs = 0;  ///< multiply-adds of its linear layers, its indexer and its attention
  std::vector<double> decode_seconds{};  ///< of each step
  double decode_barriers = 0;            ///< of a step: operations that all threads took part in
  int64_t kv_bytes = 0;                  ///< that all sequences take
  int64_t kv_bytes_read = 0;             ///< of them, by a step
  double weight_bytes = 0;               ///< read by a step, on average: each byte counts once

  double prefill_rate() const;  ///< tokens a second
  double decode_rate() const;   ///< tokens a second, all sequences; by the median step
  double weight_bytes_per_token() const;
  /// Bytes that the median step had to read, weights and cache, a second; of the ceiling.
  double share_of_read(const Ceilings& ceilings) const;
  /// Multiply-adds of the prefill a second; of the ceiling.
  double share_of_bf16(const Ceilings& ceilings) const;
};

/// Measures rows of one model, one after the other.
class ModelBench {
 public:
  /// Depth up to which the cache is filled by prefill unless options say otherwise.
  static constexpr int64_t kMostPrefilled = 1024;

  /// References must outlive the object.
  ModelBench(model::Model& model, base::ThreadPool& pool, const ModelBenchOptions& options)
      : model_(model), pool_(pool), options_(options) {}

  /// Tokens that the model must take in one pass to measure batches of up to `batch` sequences.
  static int64_t MaxBatchTokens(const ModelBenchOptions& options, int64_t batch);

  /// Runs a chunk and a step that are not measured: they bring weights and scratch into memory.
  base::Status WarmUp();

  /// The last decode_tokens of each sequence's `context` tokens are decoded, the chunk is what
  /// comes before them, and the rest is filled. Sequences share the chunk. A row whose caches would
  /// not fit in memory is skipped. Fails if the model does. REQUIRES: decode_tokens < context.
  base::Result<ModelRow> Measure(int64_t context, int64_t batch, const RowProgress& progress);

 private:
  struct Sequences;

  base::Status FillSequences(const ModelRow& row, int64_t tokens, Sequences& sequences,
                             const RowProgress& progress);
  base::Status Prefill(Sequences& sequences, int64_t tokens, ModelRow& row);
  base::Status Decode(Sequences& sequences, ModelRow& row);

  model::Model& model_;
  base::ThreadPool& pool_;
  ModelBenchOptions options_;
};

}  // namespace fathom::measure
