#include "ops/attention.h"

#include <algorithm>
#include <limits>

namespace fathom::ops {
namespace {

using kernels::kAttentionHeads;
using kernels::kAttentionTile;
using kernels::SoftmaxState;

// A span is the unit of parallel work along the rows: the window and the first 256 compressed rows,
// then 256 rows each. A long HCA scan of one token keeps 64 threads busy, and adding two spans
// costs 1 % of computing one.
constexpr int64_t kSpanRows = 256;

int64_t CountSpans(const VisibleRows& visible) {
  return std::max<int64_t>(1, (visible.row_count + kSpanRows - 1) / kSpanRows);
}

int64_t MaxSpans(std::span<const VisibleRows> visible) {
  int64_t spans = 1;
  for (const VisibleRows& rows : visible) spans = std::max(spans, CountSpans(rows));
  return spans;
}

// Calls `visit(row pointers, count)` for each tile of a span. Window tiles end at absolute
// multiples of the tile length, tiles of compressed rows at multiples within the list.
template <typename Visit>
void ForEachTile(const VisibleRows& visible, int64_t span, const Visit& visit) {
  const std::byte* rows[kAttentionTile];
  for (int64_t p = visible.window_begin; span == 0 && p < visible.window_end;) {
    const int64_t end = std::min(visible.window_end, (p / kAttentionTile + 1) * kAttentionTile);
    int64_t count = 0;
    for (; p < end; ++p) rows[count++] = visible.window.row(p);
    visit(rows, count);
  }
  const int64_t span_end = std::min(visible.row_count, (span + 1) * kSpanRows);
  for (int64_t i = span * kSpanRows; i < span_end;) {
    const int64_t end = std::min(span_end, i + kAttentionTile);
    int64_t count = 0;
    for (; i < end; ++i)
      rows[count++] = visible.rows->record(visible.selected != nullptr ? visible.selected[i] : i);
    visit(rows, count);
  }
}

// The attention of some heads of one token.
struct Work {
  const kernels::KernelTable& kernels;
  const AttentionParams& params;
  const VisibleRows& visible;
  const float* query;
  int64_t heads;
  std::byte* tile;  // kAttentionTile rows

  void ComputeSpan(int64_t span, const SoftmaxState& state) const {
    std::fill_n(state.max, heads, -std::numeric_limits<float>::infinity());
    std::fill_n(state.sum, heads, 0.0f);
    std::fill_n(state.out, heads * params.value_dim, 0.0f);
    ForEachTile(visible, span, [&](const std::byte* const* rows, int64_t count) {
      kernels.expand_rows(rows, count, params.layout, tile);
      kernels.attend({.query = query,
                      .heads = heads,
                      .key_dim = params.key_dim,
                      .value_begin = params.value_begin,
                      .value_dim = params.value_dim,
                      .tile = tile,
                      .layout = {params.layout.head_dim},
                      .count = count,
                      .scale = params.scale,
                      .state = state});
    });
  }
};

// Carves a SoftmaxState with room for `heads` out of `memory`.
SoftmaxState PlaceState(float* memory, int64_t heads) {
  return {.max = memory, .sum = memory + heads, .out = memory + 2 * heads};
}
int64_t StateFloats(int64_t heads, int64_t value_dim) { return heads * (2 + value_dim); }

// How a batch is cut into items: tokens, groups of heads, and spans if those are to run side by
// side. Rows are expanded once for each group, so groups are as large as keeping all threads busy
// allows.
struct Partition {
  int64_t group_heads = kAttentionHeads;
  int64_t groups = 0;
  int64_t spans = 1;

  Partition(const AttentionParams& params, std::span<const VisibleRows> visible, int threads) {
    constexpr int64_t kLeastHeads = 16;
    const int64_t wanted = 2 * static_cast<int64_t>(threads);
    const auto tokens = static_cast<int64_t>(visible.size());
    const auto count_groups = [&] { return (params.heads + group_heads - 1) / group_heads; };
    if (tokens * count_groups() < wanted) spans = MaxSpans(visible);
    while (tokens * count_groups() * spans < wanted && group_heads > kLeastHeads) group_heads /= 2;
    groups = count_groups();
  }
};

class Attention {
 public:
  Attention(Context& context, const AttentionParams& params, std::span<const VisibleRows> visible,
            const float* query, float* out)
      : context_(context),
        params_(params),
        visible_(visible),
        query_(query),
        out_(out),
        partition_(params, visible, context.pool.size()) {}

  void Run(GrowingScratch& partial) {
    if (partition_.spans == 1)
      RunInOrder();
    else
      RunSideBySide(partial);
  }

 private:
  struct Item {
    Work work;
    int64_t first_head;
    float* out;
  };

  // Item i: its group varies faster than its token.
  Item MakeItem(int64_t i, int worker) const {
    const int64_t token = i / partition_.groups;
    const int64_t first_head = i % partition_.groups * partition_.group_heads;
    const int64_t head = token * params_.heads + first_head;
    return {
        {context_.kernels, params_, visible_[static_cast<size_t>(token)],
         query_ + head * params_.key_dim,
         std::min(partition_.group_heads, params_.heads - first_head), context_.scratch(worker)},
        first_head,
        out_ + head * params_.value_dim};
  }
  int64_t items() const { return static_cast<int64_t>(visible_.size()) * partition_.groups; }

  void Finish(const Item& item, const SoftmaxState& state) const {
    const float* sinks = params_.sinks != nullptr ? params_.sinks + item.first_head : nullptr;
    context_.kernels.finish_attention(state, sinks, item.work.heads, params_.value_dim);
  }

  // A worker takes the spans of an item one after the other.
  void RunInOrder() const {
    const int64_t tile_bytes =
        kAttentionTile * kernels::TileLayout{params_.layout.head_dim}.row_bytes();
    context_.pool.ForEach(items(), [&](int64_t i, int worker) {
      const Item item = MakeItem(i, worker);
      auto* memory = reinterpret_cast<float*>(context_.scratch(worker) + tile_bytes);
      SoftmaxState state = PlaceState(memory, kAttentionHeads);
      const SoftmaxState span_state = PlaceState(memory + 2 * kAttentionHeads, kAttentionHeads);
      state.out = item.out;
      item.work.ComputeSpan(0, state);
      for (int64_t span = 1; span < CountSpans(item.work.visible); ++span) {
        item.work.ComputeSpan(span, span_state);
        context_.kernels.merge_attention(span_state, item.work.heads, params_.value_dim, state);
      }
      Finish(item, state);
    });
  }

  // Every span has its own state; then the states of an item are added in order.
  void RunSideBySide(GrowingScratch& partial) const {
    const int64_t spans = partition_.spans;
    const int64_t floats = StateFloats(partition_.group_heads, params_.value_dim);
    float* memory = partial.Reserve(items() * spans * floats);
    const auto state_of = [&](int64_t i, int64_t span) {
      return PlaceState(memory + (i * spans + span) * floats, partition_.group_heads);
    };
    context_.pool.ForEach(items() * spans, [&](int64_t i, int worker) {
      const Item item = MakeItem(i / spans, worker);
      SoftmaxState state = state_of(i / spans, i % spans);
      if (i % spans == 0) state.out = item.out;
      if (i % spans < CountSpans(item.work.visible)) item.work.ComputeSpan(i % spans, state);
    });
    context_.pool.ForEach(items(), [&](int64_t i, int worker) {
      const Item item = MakeItem(i, worker);
      SoftmaxState state = state_of(i, 0);
      state.out = item.out;
      for (int64_t span = 1; span < CountSpans(item.work.visible); ++span)
        context_.kernels.merge_attention(state_of(i, span), item.work.heads, params_.value_dim,
                                         state);
      Finish(item, state);
    });
  }

  Context& context_;
  const AttentionParams& params_;
  std::span<const VisibleRows> visible_;
  const float* query_;
  float* out_;
  Partition partition_;
};

}  // namespace

size_t AttentionScratchBytes(const AttentionParams& params) {
  const kernels::TileLayout tile = {params.layout.head_dim};
  const int64_t floats = 2 * kAttentionHeads + StateFloats(kAttentionHeads, params.value_dim);
  return static_cast<size_t>(kAttentionTile * tile.row_bytes()) +
         static_cast<size_t>(floats) * sizeof(float);
}

void Attend(Context& context, const AttentionParams& params, std::span<const VisibleRows> visible,
            const float* query, float* out, GrowingScratch& partial) {
  Attention(context, params, visible, query, out).Run(partial);
}

}  // namespace fathom::ops
