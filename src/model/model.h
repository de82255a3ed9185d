// The forward pass of a DeepSeek-V4 model over batches of sequences.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/result.h"
#include "base/thread_pool.h"
#include "kernels/kernel_table.h"
#include "kv/sequence_cache.h"
#include "model/activations.h"
#include "model/batch.h"
#include "model/config.h"
#include "model/pass.h"
#include "model/weights.h"
#include "ops/context.h"

namespace fathom::model {

/// What a layer of that plan keeps of a sequence.
kv::LayerShape CacheShapeOf(const ModelConfig& config, const LayerPlan& plan);

/// Computes batches, one at a time. What a sequence remembers is in its SequenceCache; the model
/// itself keeps only scratch. The logits of a position are the same bits however its sequence was
/// cut into batches, whatever else was in them, and with any number of threads.
class Model {
 public:
  /// All references must outlive the model. `max_batch_tokens` bounds the tokens of one Forward.
  Model(const ModelConfig& config, const ModelWeights& weights, const kernels::KernelTable& kernels,
        base::ThreadPool& pool, int64_t max_batch_tokens);

  const ModelConfig& config() const { return config_; }
  int64_t max_batch_tokens() const { return activations_.max_tokens; }

  /// An empty sequence, whose memory counts in `meter`.
  kv::SequenceCache NewSequence(std::shared_ptr<kv::MemoryMeter> meter = nullptr) const;

  /// Runs the next tokens of each sequence through all layers. Fails if an expert cannot be read;
  /// then the caches of all slices hold part of the tokens and are of no further use.
  /// REQUIRES: at least one token in each slice, at most max_batch_tokens in all; ids within the
  /// vocabulary; each cache in one slice only.
  base::Status Forward(std::span<const Slice> slices, ForwardObserver* observer = nullptr);

  /// Logits after the last Forward: out[i, vocab] for token tokens[i] of the batch.
  void Logits(std::span<const int32_t> tokens, float* out);

  /// The MTP head after the last Forward, for the first tokens of the batch's single sequence:
  /// `next` holds the token that follows each of them. Fills the streams that MtpLogits reads.
  /// Fails as Forward does. REQUIRES: num_nextn_predict_layers >= 1; the batch had one slice of at
  /// least next.size() tokens.
  base::Status ForwardMtp(std::span<const int32_t> next);

  /// Logits of the MTP head: out[i, vocab] for token tokens[i] of the batch; they predict the token
  /// after the next.
  void MtpLogits(std::span<const int32_t> tokens, float* out);

  /// Single steps, for tests that start from known streams [tokens, hc, hidden].
  void StartBatch(std::span<const Slice> slices);
  base::Status RunLayer(int64_t layer, ForwardObserver* observer);
  void FinishBatch(std::span<const Slice> slices);
  float* streams() { return activations_.streams.data(); }

 private:
  void Embed();
  base::Status RunBlock(Pass& pass, const LayerWeights& weights, float* streams);
  void MixMtpInput(Pass& pass, const MtpWeights& weights);
  void HeadLogits(const HeadWeights& head, const float* streams, std::span<const int32_t> tokens,
                  float* out);
  Pass MakePass(const Batch& batch, int64_t layer, ForwardObserver* observer);

  const ModelConfig& config_;
  const ModelWeights& weights_;
  Activations activations_;
  ops::Context ops_;
  Rope window_rope_;
  Rope compressed_rope_;
  Batch batch_;
  Batch mtp_batch_;
};

}  // namespace fathom::model
