#include "ops/attention.h"

#include <algorithm>
#include <limits>

namespace fathom::ops {
namespace {

using kernels::kAttentionHeads;
using kernels::kAttentionTile;

// A worker's scratch: one tile of rows as float32, and the running softmax of a group of heads.
struct Scratch {
  float* tile;
  float* max;
  float* sum;

  Scratch(std::byte* memory, int64_t head_dim)
      : tile(reinterpret_cast<float*>(memory)),
        max(tile + kAttentionTile * head_dim),
        sum(max + kAttentionHeads) {}
};

// Calls `visit(row pointers, count)` for each tile of the query's rows. Window tiles end at
// absolute multiples of the tile length, tiles of compressed rows at multiples within the list.
template <typename Visit>
void ForEachTile(const VisibleRows& visible, const Visit& visit) {
  const std::byte* rows[kAttentionTile];
  for (int64_t p = visible.window_begin; p < visible.window_end;) {
    const int64_t end = std::min(visible.window_end, (p / kAttentionTile + 1) * kAttentionTile);
    int64_t count = 0;
    for (; p < end; ++p) rows[count++] = visible.window.row(p);
    visit(rows, count);
  }
  for (int64_t i = 0; i < visible.row_count;) {
    const int64_t end = std::min(visible.row_count, i + kAttentionTile);
    int64_t count = 0;
    for (; i < end; ++i)
      rows[count++] = visible.rows->record(visible.selected != nullptr ? visible.selected[i] : i);
    visit(rows, count);
  }
}

void AttendHeads(const kernels::KernelTable& kernels, const AttentionParams& params,
                 const VisibleRows& visible, const float* query, int64_t first_head, int64_t heads,
                 Scratch scratch, float* out) {
  const int64_t head_dim = params.layout.head_dim;
  std::fill_n(scratch.max, heads, -std::numeric_limits<float>::infinity());
  std::fill_n(scratch.sum, heads, 0.0f);
  std::fill_n(out, heads * head_dim, 0.0f);
  ForEachTile(visible, [&](const std::byte* const* rows, int64_t count) {
    kernels.unpack_rows(rows, count, params.layout, scratch.tile);
    kernels.attend({.query = query,
                    .heads = heads,
                    .head_dim = head_dim,
                    .rows = scratch.tile,
                    .count = count,
                    .scale = params.scale,
                    .max = scratch.max,
                    .sum = scratch.sum,
                    .out = out});
  });
  kernels.finish_attention(scratch.max, scratch.sum, params.sinks + first_head, heads, head_dim,
                           out);
}

}  // namespace

size_t AttentionScratchBytes(const AttentionParams& params) {
  return static_cast<size_t>(kAttentionTile * params.layout.head_dim + 2 * kAttentionHeads) *
         sizeof(float);
}

void Attend(Context& context, const AttentionParams& params, std::span<const VisibleRows> visible,
            const float* query, float* out) {
  const int64_t head_dim = params.layout.head_dim;
  const int64_t groups = (params.heads + kAttentionHeads - 1) / kAttentionHeads;
  const auto items = static_cast<int64_t>(visible.size()) * groups;
  context.pool.ForEach(items, [&](int64_t item, int worker) {
    const int64_t token = item / groups;
    const int64_t first_head = item % groups * kAttentionHeads;
    const int64_t heads = std::min(kAttentionHeads, params.heads - first_head);
    const int64_t offset = (token * params.heads + first_head) * head_dim;
    AttendHeads(context.kernels, params, visible[static_cast<size_t>(token)], query + offset,
                first_head, heads, Scratch(context.scratch(worker), head_dim), out + offset);
  });
}

}  // namespace fathom::ops
