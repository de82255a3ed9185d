#include "train/attend.h"

#include <gtest/gtest.h>

#include <cmath>

#include "train/indexer.h"
#include "train/selected_rows.h"

namespace fathom::train {
namespace {

// In blocks or by a mask over all pairs of tokens: each sees itself and those before it in reach.
TEST(AttendTest, SeesItsWindow) {
  constexpr int64_t kTokens = 21, kWindow = 8, kDim = 16;
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(1);
  const auto random = [&](at::IntArrayRef shape) { return at::normal(0, 1, shape, generator); };
  const at::Tensor rows = random({2, kTokens, kDim});
  const AttendInputs in = {.queries = random({2, kTokens, 3, kDim}),
                           .sinks = random({3}),
                           .window = at::constant_pad_nd(rows, {0, 0, kWindow, 0}),
                           .rows = {},
                           .selected = {}};
  const at::Tensor query = at::arange(kTokens).view({-1, 1, 1});
  const at::Tensor key = at::arange(kTokens).view({1, 1, -1});
  const at::Tensor hidden = (key > query) | (key <= query - kWindow);
  const at::Tensor logits =
      at::einsum("bthd,bsd->bths", {in.queries, rows}).masked_fill(hidden, -INFINITY);
  const at::Tensor sinks = in.sinks.view({1, 1, -1, 1}).expand({2, kTokens, 3, 1});
  const at::Tensor weights = at::cat({logits, sinks}, -1).softmax(-1).slice(-1, 0, kTokens);
  EXPECT_TRUE(at::allclose(Attend(in, {.window = kWindow}),
                           at::einsum("bths,bsd->bthd", {weights, rows}), 1e-4, 1e-5));
}

// A crowd is rows like any other to the tokens behind it, and nothing to those before it.
TEST(AttendTest, SeesTheCrowdFromItsTokenOn) {
  constexpr int64_t kTokens = 20, kWindow = 4, kDim = 16, kCrowd = 3, kRows = 5 + kCrowd;
  const VisibleRows visible = {.ratio = 4, .crowd = kCrowd, .crowd_at = 8};
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(3);
  const auto random = [&](at::IntArrayRef shape) { return at::normal(0, 1, shape, generator); };
  AttendInputs in = {.queries = random({1, kTokens, 2, kDim}),
                     .sinks = random({2}),
                     .window = random({1, kWindow + kTokens, kDim}),
                     .rows = random({1, kRows, kDim}),
                     .selected = {}};
  const AttendOptions options = {.window = kWindow, .rows = visible};
  const at::Tensor all = Attend(in, options);
  in.selected = at::full({1, kTokens, kRows}, -1, at::kLong);
  for (int64_t token = 0; token < kTokens; ++token) {
    const int64_t blocks = (token + 1) / 4;
    const int64_t count = token < 8 ? blocks : blocks + kCrowd;
    EXPECT_EQ(visible.Count(token + 1), count);
    in.selected[0][token].slice(0, 0, count).copy_(at::arange(count));
  }
  EXPECT_TRUE(at::allclose(Attend(in, options), all, 1e-4, 1e-5));
  EXPECT_TRUE(SelectRows(random({1, kTokens, kRows}), 4, 0, visible)
                  .slice(1, 0, 8)
                  .lt(2)
                  .all()
                  .item<bool>());
}

// Products with selected rows are those with all rows, of which the selected ones are kept.
TEST(SelectedRowsTest, AgreeWithAllRows) {
  constexpr int64_t kBatch = 2, kTokens = 5, kHeads = 3, kDim = 19, kRows = 7, kCount = 4;
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(2);
  const auto random = [&](at::IntArrayRef shape) { return at::normal(0, 1, shape, generator); };
  const at::Tensor queries = random({kBatch, kTokens, kHeads, kDim});
  const at::Tensor rows = random({kBatch, kRows, kDim});
  at::Tensor selected =
      random({kBatch, kTokens, kRows}).argsort(int64_t{-1}).slice(-1, 0, kCount).clone();
  selected.select(-1, kCount - 1).slice(1, 2).fill_(-1);
  const at::Tensor is_row = selected.ge(0).unsqueeze(2);
  const at::Tensor place = selected.clamp_min(0).unsqueeze(2).expand({-1, -1, kHeads, -1});

  const at::Tensor all = RowLogits(queries, rows, {});
  EXPECT_TRUE(at::allclose(SelectedLogits(queries, rows, selected), all.gather(-1, place) * is_row,
                           1e-4, 1e-5));
  const at::Tensor weights = random({kBatch, kTokens, kHeads, kCount});
  const at::Tensor scattered = at::zeros_like(all).scatter_add(-1, place, weights * is_row);
  EXPECT_TRUE(at::allclose(MixSelectedRows(weights, rows, selected),
                           at::bmm(scattered.flatten(1, 2), rows).view_as(queries), 1e-4, 1e-5));
}

}  // namespace
}  // namespace fathom::train
