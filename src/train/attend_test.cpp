#include "train/attend.h"

#include <gtest/gtest.h>

namespace fathom::train {
namespace {

// A part of a window gives what a window of that size does.
TEST(AttendTest, SeesAsFarAsItReaches) {
  constexpr int64_t kTokens = 21, kWindow = 8, kReach = 4, kDim = 16;
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(1);
  const auto random = [&](at::IntArrayRef shape) { return at::normal(0, 1, shape, generator); };
  const at::Tensor rows = random({2, kTokens, kDim});
  const AttendInputs in = {.queries = random({2, kTokens, 3, kDim}),
                           .sinks = random({3}),
                           .window = at::constant_pad_nd(rows, {0, 0, kWindow, 0}),
                           .rows = {},
                           .selected = {}};
  AttendInputs small = in;
  small.window = at::constant_pad_nd(rows, {0, 0, kReach, 0});
  const at::Tensor expected = Attend(small, {.window = kReach, .reach = kReach});
  EXPECT_TRUE(at::allclose(Attend(in, {.window = kWindow, .reach = kReach}), expected, 1e-4, 1e-5));
  EXPECT_FALSE(at::allclose(Attend(in, {.window = kWindow, .reach = kWindow}), expected, 0.1));
}

}  // namespace
}  // namespace fathom::train
