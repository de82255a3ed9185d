// All scratch of the forward pass, each buffer declared once with its shape. T = tokens of a batch.
#pragma once

#include <cstdint>
#include <vector>

#include "model/config.h"
#include "model/expert_source.h"
#include "ops/attention.h"
#include "ops/index_select.h"
#include "ops/matmul.h"

namespace fathom::model {

using tensor::Matrix;

struct HyperConnectionActivations {
  Matrix<float> mix;      ///< [T, (2 + hc) * hc]
  Matrix<float> pre;      ///< [T, hc]
  Matrix<float> post;     ///< [T, hc]
  Matrix<float> combine;  ///< [T, hc * hc] source, destination
};

/// Projections of one compressor for the tokens of a batch.
struct CompressorActivations {
  Matrix<float> values;  ///< [T, width]
  Matrix<float> scores;  ///< [T, width]
  Matrix<float> row;     ///< [threads, dim] a row before it is packed
};

struct IndexerActivations {
  CompressorActivations compressor;
  Matrix<float> query;         ///< [T, index_heads * index_dim]
  Matrix<int8_t> codes;        ///< [T, index_heads * index_dim] twice the E2M1 values
  Matrix<float> scales;        ///< [T, index_heads * index_dim / 32]
  Matrix<float> head_weights;  ///< [T, index_heads]
  Matrix<int32_t> selected;    ///< [T, top_k]
  std::vector<ops::IndexQuery> queries;
  ops::GrowingScratch scan;
};

struct AttentionActivations {
  ops::QuantizedRows x;              ///< [T, hidden]
  Matrix<float> q_latent;            ///< [T, q_lora_rank]
  ops::QuantizedRows q_latent_code;  ///< [T, q_lora_rank]
  Matrix<float> query;               ///< [T, heads * head_dim]
  Matrix<float> kv;                  ///< [T, head_dim]
  Matrix<std::byte> rows;            ///< [T, row_bytes] the batch's window rows
  Matrix<float> out;                 ///< [T, heads * head_dim]
  Matrix<float> out_latent;          ///< [T, o_groups * o_lora_rank]
  ops::QuantizedRows out_code;       ///< [T, o_groups * o_lora_rank]
  CompressorActivations compressor;
  IndexerActivations indexer;
  std::vector<ops::VisibleRows> visible;
  ops::GrowingScratch partial;  ///< of attention over spans
  std::vector<ops::MatmulTask> tasks;
};

/// S = T * experts_per_token, an expert's tokens next to each other.
struct MoeActivations {
  ops::QuantizedRows x;               ///< [T, hidden] for the shared expert
  ops::QuantizedRows x_routed;        ///< [T, hidden] for the routed experts' format
  Matrix<float> scores;               ///< [T, experts]
  Matrix<int32_t> experts;            ///< [T, experts_per_token] ascending
  Matrix<float> weights;              ///< [T, experts_per_token]
  std::vector<int32_t> slot_rows;     ///< [S] token of each slot
  std::vector<float> slot_weights;    ///< [S] routing weight of each slot
  Matrix<int32_t> slots;              ///< [T, experts_per_token] slot of each of a token's experts
  std::vector<int32_t> expert_begin;  ///< [experts + 1] first slot of each expert
  std::vector<int32_t> expert_next;   ///< [experts] slots given so far, while they are given out
  std::vector<ExpertUse> uses;        ///< the experts that have slots, ascending
  Matrix<float> gate;                 ///< [S, inter]
  Matrix<float> up;                   ///< [S, inter]
  ops::QuantizedRows mid;             ///< [S, inter]
  Matrix<float> down;                 ///< [S, hidden]
  Matrix<float> shared_gate;          ///< [T, shared inter]
  Matrix<float> shared_up;            ///< [T, shared inter]
  ops::QuantizedRows shared_mid;      ///< [T, shared inter]
  std::vector<ops::MatmulTask> tasks;
};

/// MTP: the next token's embedding and the streams, normalised and projected.
struct MtpActivations {
  Matrix<float> embedding;            ///< [T, hidden]
  ops::QuantizedRows embedding_code;  ///< [T, hidden]
  Matrix<float> embedding_projected;  ///< [T, hidden]
  Matrix<float> streams;              ///< [T, hc * hidden] normalised per copy
  ops::QuantizedRows streams_code;    ///< [T * hc, hidden]
};

struct Activations {
  Activations(const ModelConfig& config, const kernels::KernelTable& kernels, int threads,
              int64_t max_tokens);

  int64_t max_tokens;
  Matrix<float> streams;      ///< [T, hc * hidden]
  Matrix<float> mtp_streams;  ///< [T, hc * hidden]
  Matrix<float> x;            ///< [T, hidden] input of a sub-layer, normalised
  Matrix<float> y;            ///< [T, hidden] its output
  HyperConnectionActivations hc;
  AttentionActivations attention;
  MoeActivations moe;
  MtpActivations mtp;
};

}  // namespace fathom::model
