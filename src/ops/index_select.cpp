#include "ops/index_select.h"

#include <algorithm>

namespace fathom::ops {
namespace {

using kernels::kIndexTile;

// Scores of the queries in flight at once: 64 MB, or one query where one needs more.
constexpr int64_t kMaxScores = 16 << 20;

int64_t TileCount(const IndexQuery& query) { return (query.visible + kIndexTile - 1) / kIndexTile; }

void ScorePage(const kernels::KernelTable& kernels, const IndexParams& params,
               const IndexQuery& query, int64_t page, float* scores) {
  const int64_t per_page = query.tiles->records_per_page();
  const int64_t first = page * per_page;
  kernels.index_scores({.query = query.query,
                        .query_scales = query.scales,
                        .head_weights = query.head_weights,
                        .heads = params.heads,
                        .layout = {params.dim},
                        .keys = query.tiles->record(first),
                        .tiles = std::min(per_page, TileCount(query) - first),
                        .scores = scores + first * kIndexTile});
}

// Scans and selects for a few queries, whose scores lie `stride` floats apart.
void SelectGroup(Context& context, const IndexParams& params, std::span<const IndexQuery> queries,
                 int64_t stride, float* scores) {
  const int64_t per_page = queries[0].tiles->records_per_page();
  const int64_t pages = (stride / kIndexTile + per_page - 1) / per_page;
  const auto count = static_cast<int64_t>(queries.size());
  context.pool.ForEach(count * pages, [&](int64_t item, int) {
    const IndexQuery& query = queries[static_cast<size_t>(item / pages)];
    const int64_t page = item % pages;
    if (page * per_page >= TileCount(query)) return;
    ScorePage(context.kernels, params, query, page, scores + item / pages * stride);
  });
  context.pool.ForEach(count, [&](int64_t q, int) {
    const IndexQuery& query = queries[static_cast<size_t>(q)];
    context.kernels.select_largest(scores + q * stride, query.visible, params.top_k,
                                   query.selected);
  });
}

}  // namespace

void SelectRows(Context& context, const IndexParams& params, std::span<const IndexQuery> queries,
                GrowingScratch& scratch) {
  int64_t stride = 0;
  for (const IndexQuery& query : queries) stride = std::max(stride, TileCount(query) * kIndexTile);
  if (stride == 0) return;
  const auto group = static_cast<size_t>(std::max<int64_t>(1, kMaxScores / stride));
  for (size_t first = 0; first < queries.size(); first += group) {
    const auto some = queries.subspan(first, std::min(group, queries.size() - first));
    float* scores = scratch.Reserve(stride * static_cast<int64_t>(some.size()));
    SelectGroup(context, params, some, stride, scores);
  }
}

}  // namespace fathom::ops
