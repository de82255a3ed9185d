// Everything that is written per instruction set, as plain functions.
//
// portable/ defines each result; the other tiers must agree with it: exactly where codes, integers
// and selections are computed, within the rounding of float32 sums elsewhere. Within one tier every
// output element is reduced in one fixed order that depends on nothing but its own inputs: not on
// how many rows or tokens a call covers. Batch invariance rests on this.
//
// Kernels take plain pointers, never allocate, throw, lock, log or start threads. No pointer needs
// more alignment than its element; weights need none.
#pragma once

#include <cstddef>
#include <cstdint>

#include "numerics/row_layout.h"
#include "tensor/weight_matrix.h"

namespace fathom::kernels {

/// Most rows, and most heads, that one call of `attend` takes.
inline constexpr int64_t kAttentionTile = 32;
inline constexpr int64_t kAttentionHeads = 64;
/// Largest dimension of an indexer key.
inline constexpr int64_t kMaxIndexDim = 1024;
/// Most streams that `mix_streams` takes.
inline constexpr int64_t kMaxStreams = 16;
/// Most steps of one call of a probe: up to there its sums are exact.
inline constexpr int64_t kMaxProbeSteps = 1 << 13;
/// What probe_read reads is a multiple of so many bytes.
inline constexpr int64_t kProbeGrain = 128;

using numerics::IndexKeyLayout;
using numerics::kIndexTile;
using numerics::RowLayout;
using numerics::TileLayout;

/// out[t, r - row_begin] = sum over k of weights[r, k] * x[t, k], for rows [row_begin, row_end).
struct MatmulArgs {
  tensor::WeightMatrix weights;
  int64_t row_begin = 0;
  int64_t row_end = 0;
  const std::byte* x = nullptr;     ///< activation rows, see the kernel
  int64_t x_stride = 0;             ///< bytes from one activation row to the next
  const int32_t* x_rows = nullptr;  ///< token t reads row x_rows[t]; null: row t
  int64_t tokens = 0;
  float* out = nullptr;
  int64_t out_stride = 0;        ///< floats from one token's outputs to the next
  std::byte* scratch = nullptr;  ///< matmul_scratch_bytes(cols), 64-byte aligned
};

/// Scores of one query position against tiles of indexer keys (paper, section 2.3.1).
/// REQUIRES: layout.dim is a multiple of 32, at most kMaxIndexDim.
struct IndexScoreArgs {
  const int8_t* query = nullptr;        ///< [heads, dim]: twice the E2M1 values
  const float* query_scales = nullptr;  ///< [heads, dim/32]: block scales times 1/4
  const float* head_weights = nullptr;  ///< [heads]
  int64_t heads = 0;
  IndexKeyLayout layout;
  const std::byte* keys = nullptr;  ///< `tiles` consecutive tiles
  int64_t tiles = 0;
  float* scores = nullptr;  ///< [tiles * 16]
};

/// The running softmax of some heads of one query position, over the rows seen so far.
struct SoftmaxState {
  float* max = nullptr;  ///< [heads] largest logit; -infinity at the start
  float* sum = nullptr;  ///< [heads] sum of exp(logit - max)
  float* out = nullptr;  ///< [heads, value_dim] sum of exp(logit - max) * value
};

/// One query position, some of its heads, against at most kAttentionTile rows. A row is key and
/// value at once: its first key_dim dimensions meet the query, dimensions value_begin to
/// value_begin + value_dim are summed. In DeepSeek-V4 both are the whole row.
/// REQUIRES: key_dim % 16 == 0, value_dim % 16 == 0, value_begin % 32 == 0.
struct AttendArgs {
  const float* query = nullptr;  ///< [heads, key_dim]
  int64_t heads = 0;             ///< 1 .. kAttentionHeads
  int64_t key_dim = 0;
  int64_t value_begin = 0;
  int64_t value_dim = 0;
  const std::byte* tile = nullptr;  ///< `count` rows of `layout`
  TileLayout layout;
  int64_t count = 0;  ///< 1 .. kAttentionTile
  float scale = 0;    ///< multiplies every logit
  SoftmaxState state;
};

/// One implementation of all of it.
struct KernelTable {
  /// The name FATHOM_ISA selects it by.
  const char* name;

  // -- Linear layers ------------------------------------------------------------------------------

  /// Bytes of `scratch` that both matmuls need for this many columns.
  size_t (*matmul_scratch_bytes)(int64_t cols) noexcept;

  /// x: float32 rows. Weights F32, BF16, or E4M3 dequantised (exactly) to float32.
  void (*matmul_float)(const MatmulArgs&) noexcept;

  /// x: rows made by quantize_activations for the same weight format. Weights E4M3 or E2M1; the
  /// products are exact, sums are float32.
  void (*matmul_quantized)(const MatmulArgs&) noexcept;

  /// Bytes of one quantised activation row of `cols` elements.
  size_t (*activation_bytes)(int64_t cols) noexcept;

  /// The FP8 activation quantisation of the official linears, block 128: E4M3 codes under a UE8M0
  /// scale, stored dequantised (exactly) in the order that matmul_quantized wants for `format`.
  /// REQUIRES: cols % 128 == 0.
  void (*quantize_activations)(const float* x, int64_t cols, tensor::WeightFormat format,
                               std::byte* out) noexcept;

  // -- Vectors ------------------------------------------------------------------------------------

  /// out[i] = x[i] / sqrt(mean(x^2) + eps) * weight[i]; `weight` is BF16, or null for ones.
  /// In place is allowed. REQUIRES: n % 16 == 0.
  void (*rms_norm)(const float* x, const std::byte* weight, float eps, int64_t n,
                   float* out) noexcept;

  /// 1 / sqrt(mean(x^2) + eps). REQUIRES: n % 16 == 0.
  float (*inverse_rms)(const float* x, float eps, int64_t n) noexcept;

  /// out[d] = sum over i of weights[i] * streams[i, d], streams in order. REQUIRES: n % 16 == 0.
  void (*weighted_sum)(const float* streams, const float* weights, int64_t count, int64_t n,
                       float* out) noexcept;

  /// Hyper-connection update in place: streams'[j] = post[j] * y + sum_i combine[i, j] *
  /// streams[i]. REQUIRES: n % 16 == 0, count <= kMaxStreams.
  void (*mix_streams)(const float* y, const float* post, const float* combine, int64_t count,
                      int64_t n, float* streams) noexcept;

  /// out[i] = weight * (silu(min(gate[i], limit)) * clamp(up[i], -limit, limit)).
  /// REQUIRES: n % 16 == 0. `out` may be `gate`.
  void (*swiglu)(const float* gate, const float* up, float limit, float weight, int64_t n,
                 float* out) noexcept;

  /// out[i] += x[i]. REQUIRES: n % 16 == 0.
  void (*add)(const float* x, int64_t n, float* out) noexcept;

  /// Rotates `pairs` adjacent pairs of each of `count` vectors that lie `stride` floats apart:
  /// (a, b) -> (a cos - b sin, a sin + b cos).
  void (*rotate)(float* x, int64_t count, int64_t stride, const float* cosines, const float* sines,
                 int64_t pairs) noexcept;

  /// In place y = H x / sqrt(n), Sylvester order. REQUIRES: n is a power of two, 32 ..
  /// kMaxIndexDim.
  void (*hadamard)(float* x, int64_t n) noexcept;

  // -- KV rows ------------------------------------------------------------------------------------

  /// Quantises a float32 row of head_dim (block 64, E4M3; the RoPE dimensions to BF16) and stores
  /// it. REQUIRES: no NaN, rope_dim % 16 == 0.
  void (*pack_row)(const float* row, RowLayout layout, std::byte* out) noexcept;

  /// Spreads `count` stored rows out to TileLayout{head_dim}. Exact for rows made by pack_row; of
  /// other values the upper half of the float32.
  void (*expand_rows)(const std::byte* const* rows, int64_t count, RowLayout layout,
                      std::byte* out) noexcept;

  /// Per channel softmax over `slots` entries and the weighted sum:
  /// out[c] = sum_s softmax_s(scores[s][c]) * values[s][c]. REQUIRES: width % 16 == 0, slots >= 1.
  void (*pool)(const float* const* values, const float* const* scores, int64_t slots, int64_t width,
               float* out) noexcept;

  // -- Indexer ------------------------------------------------------------------------------------

  /// E2M1 quantisation, block 32. codes: [n], one a byte; scales: [n/32] UE8M0.
  /// REQUIRES: n % 32 == 0.
  void (*quantize_e2m1)(const float* x, int64_t n, uint8_t* codes, uint8_t* scales) noexcept;

  /// scores[k] = sum over heads, in order, of relu(s) * head_weights[h], where s adds, block by
  /// block, the exact integer dot product times both scales. Every tier gives the same bits.
  void (*index_scores)(const IndexScoreArgs&) noexcept;

  /// Writes the indices of the `count` largest of n scores to `out`, ascending. Of equal scores the
  /// one with the lowest index counts as larger. Nothing is sorted: the time is linear whatever the
  /// order. REQUIRES: 0 < count <= n, no NaN; `out` holds `count` elements.
  void (*select_largest)(const float* scores, int64_t n, int64_t count, int32_t* out) noexcept;

  // -- Attention ----------------------------------------------------------------------------------

  /// Adds a tile of rows to the running softmax.
  void (*attend)(const AttendArgs&) noexcept;

  /// Adds the rows that `other` has seen to `state`. REQUIRES: value_dim % 16 == 0; `other` has
  /// seen a row.
  void (*merge_attention)(const SoftmaxState& other, int64_t heads, int64_t value_dim,
                          const SoftmaxState& state) noexcept;

  /// out[h] /= sum[h] + exp(sinks[h] - max[h]): the sink enters the denominator only. No sinks if
  /// `sinks` is null. REQUIRES: value_dim % 16 == 0.
  void (*finish_attention)(const SoftmaxState& state, const float* sinks, int64_t heads,
                           int64_t value_dim) noexcept;

  // -- Probes -------------------------------------------------------------------------------------
  //
  // The most that one core does with this tier's instructions, for measurements.

  /// Reads `bytes` bytes front to back; returns the sum of their 32-bit words modulo 2^32.
  /// REQUIRES: bytes % kProbeGrain == 0.
  uint32_t (*probe_read)(const std::byte* data, int64_t bytes) noexcept;

  /// Multiplies ones with ones in registers, BF16 where the tier multiplies it, else float32, and
  /// returns the sum of the products: as many as were computed, a fixed number a step.
  /// REQUIRES: steps <= kMaxProbeSteps.
  double (*probe_bf16)(int64_t steps) noexcept;

  /// The same with bytes and integer sums.
  double (*probe_int8)(int64_t steps) noexcept;
};

}  // namespace fathom::kernels
