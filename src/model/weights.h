// The weights of a model as the forward pass reads them. Views only: the checkpoint's mappings own
// the bytes, see LoadedWeights in weights_loader.h.
//
// Matrices are used where they lie. A `const float*` is a short F32 vector (aligned), a
// `const std::byte*` called norm a BF16 vector. Absent parts (the indexer of a layer without one)
// are null.
#pragma once

#include <cstddef>
#include <vector>

#include "tensor/weight_matrix.h"

namespace fathom::model {

using tensor::WeightMatrix;

/// hc_*_fn, _base, _scale: (2 + hc) * hc rows around a sub-layer, hc rows before the head.
struct HyperConnectionWeights {
  WeightMatrix fn;
  const float* base = nullptr;
  const float* scale = nullptr;
};

struct CompressorWeights {
  WeightMatrix wkv;
  WeightMatrix wgate;
  const float* ape = nullptr;       ///< [ratio, width]
  const std::byte* norm = nullptr;  ///< [head_dim]
};

struct IndexerWeights {
  WeightMatrix wq_b;
  WeightMatrix weights_proj;
  CompressorWeights compressor;
};

struct AttentionWeights {
  WeightMatrix wq_a;
  WeightMatrix wq_b;
  WeightMatrix wkv;
  WeightMatrix wo_a;
  WeightMatrix wo_b;
  const std::byte* q_norm = nullptr;   ///< [q_lora_rank]
  const std::byte* kv_norm = nullptr;  ///< [head_dim]
  const float* sinks = nullptr;        ///< [heads]
  CompressorWeights compressor;
  IndexerWeights indexer;
};

struct ExpertWeights {
  WeightMatrix w1;  ///< gate
  WeightMatrix w2;  ///< down
  WeightMatrix w3;  ///< up
};

class ExpertSource;

struct MoeWeights {
  WeightMatrix gate;
  const float* bias = nullptr;         ///< [experts], scored layers
  const std::byte* tid2eid = nullptr;  ///< I64 [vocab, experts_per_token], hash layers
  std::vector<ExpertWeights> experts;  ///< reached through ModelWeights::experts
  ExpertWeights shared;
};

struct LayerWeights {
  HyperConnectionWeights hc_attn;
  const std::byte* attn_norm = nullptr;
  AttentionWeights attn;
  HyperConnectionWeights hc_ffn;
  const std::byte* ffn_norm = nullptr;
  MoeWeights ffn;
};

/// Collapses the streams and normalises them; the output matrix follows.
struct HeadWeights {
  HyperConnectionWeights hc;
  const std::byte* norm = nullptr;
};

struct MtpWeights {
  WeightMatrix e_proj;
  WeightMatrix h_proj;
  const std::byte* enorm = nullptr;
  const std::byte* hnorm = nullptr;
  LayerWeights layer;
  HeadWeights head;
};

struct ModelWeights {
  WeightMatrix embed;   ///< [vocab, hidden]
  WeightMatrix output;  ///< head.weight [vocab, hidden]
  HeadWeights head;
  std::vector<LayerWeights> layers;
  std::vector<MtpWeights> mtp;
  ExpertSource* experts = nullptr;  ///< gives the routed experts of all layers
};

}  // namespace fathom::model
