// What a token costs: operations, parameters and cache bytes, counted from the configuration.
//
// The counting rules are those behind the figures that DeepSeek published for V4, so that a
// configuration's figures can be put beside them: `cost_test.cpp` holds them to the digit.
#pragma once

#include <cstdint>

#include "kv/sequence_cache.h"
#include "model/config.h"

namespace fathom::model {

/// Floating-point operations by the precision of their inputs. A multiply and an add count as two.
struct Flops {
  double fp4 = 0;
  double fp8 = 0;
  double bf16 = 0;
  double fp32 = 0;

  double raw() const { return fp4 + fp8 + bf16 + fp32; }
  /// In units of an FP8 operation, on hardware whose speed doubles as the width halves.
  double equivalent_fp8() const { return fp4 / 2 + fp8 + 2 * bf16 + 4 * fp32; }
  Flops& operator+=(const Flops& other);
};

/// The operations of one decoded token. Weights that are stored as FP4 count as FP8, which is what
/// their activations are. Embedding, norms, softmax and Sinkhorn are not counted, nor is MTP.
struct TokenFlops {
  Flops attention;         ///< projections of queries, keys and outputs
  Flops compressor;        ///< projections of what CSA and HCA rows pool
  Flops indexer;           ///< its projections, and the scores of all keys (FP4)
  Flops core_attention;    ///< queries with keys, weights with values
  Flops router;            ///< scores of the experts
  Flops experts;           ///< the chosen ones and the shared one
  Flops hyper_connection;  ///< mixing weights of the streams
  Flops head;              ///< the output matrix

  Flops total() const;
};

/// Operations for a token with `tokens` tokens of context, its own included.
TokenFlops CountTokenFlops(const ModelConfig& config, int64_t tokens);

/// The same for DeepSeek-V3.2, whose latent attention is counted in the absorbed form.
TokenFlops CountV32TokenFlops(int64_t tokens);

/// Bytes that a sequence of `tokens` tokens keeps in the published packing: of a row, FP8 with a
/// scale byte for 64 elements, padded to 8 bytes, and BF16 for RoPE dimensions; of an indexer key,
/// FP4 with a scale byte for 32. The engine's own rows are wider (kv::SequenceCache::bytes): its
/// RoPE dimensions are float32. Without MTP layers. REQUIRES: tokens >= 0.
kv::CacheBytes CountKvBytes(const ModelConfig& config, int64_t tokens);

/// The part of CountKvBytes that decoding one more token reads: all indexer keys, the CSA rows that
/// they select, all HCA rows, the window; no compressor state.
kv::CacheBytes CountKvBytesRead(const ModelConfig& config, int64_t tokens);

/// Bytes that DeepSeek-V3.2 keeps: latents of FP8 with RoPE dimensions of BF16, and indexer keys.
int64_t CountV32KvBytes(int64_t tokens);

/// Bytes that a model of this depth keeps with grouped-query attention: 8 heads of 128, BF16.
int64_t CountGqa8KvBytes(const ModelConfig& config, int64_t tokens);

/// Trained parameters. Quantised ones count by their elements; scales and the token-to-expert
/// tables are no parameters.
struct ParameterCount {
  int64_t backbone = 0;  ///< everything but MTP
  int64_t mtp = 0;       ///< the MTP layers
  int64_t active = 0;    ///< elements of the backbone's matrices that one token is multiplied with
};

ParameterCount CountParameters(const ModelConfig& config);

/// Bytes of stored weights, scales included, that a decode step reads, each once.
struct WeightBytes {
  int64_t always = 0;  ///< all of the backbone but routed experts and what is looked up by token id
  int64_t expert = 0;  ///< one routed expert of one layer

  /// With so many experts, counted once for each layer that uses them.
  int64_t total(int64_t experts) const { return always + experts * expert; }
};

WeightBytes CountWeightBytes(const ModelConfig& config);

}  // namespace fathom::model
