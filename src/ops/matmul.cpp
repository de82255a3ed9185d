#include "ops/matmul.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace fathom::ops {
namespace {

// Work is handed out in units of rows: about this many bytes of weights, so that a unit streams
// long enough for the prefetchers, and small enough that the last one does not keep the others
// waiting (256 KB are 15 microseconds at 17 GB/s).
constexpr int64_t kUnitBytes = 256 << 10;
constexpr int64_t kRowGrain = 4;  // kernels work on several rows at a time

struct Unit {
  const MatmulTask* task;
  int64_t row_begin;
  int64_t row_end;
};

int64_t RowsPerUnit(const MatmulTask& task, int threads) {
  const int64_t rows = task.row_end - task.row_begin;
  const int64_t by_size = std::clamp<int64_t>(kUnitBytes / task.weights.row_bytes(), 16, 128);
  const int64_t fair = (rows + 2 * threads - 1) / (2 * threads);
  const int64_t chosen = std::min(by_size, fair);
  return std::max(kRowGrain, (chosen + kRowGrain - 1) / kRowGrain * kRowGrain);
}

int64_t UnitCount(const MatmulTask& task, int threads) {
  if (task.tokens == 0) return 0;
  const int64_t per_unit = RowsPerUnit(task, threads);
  return (task.row_end - task.row_begin + per_unit - 1) / per_unit;
}

void RunUnit(Context& context, const Unit& unit, int worker) {
  const MatmulTask& task = *unit.task;
  const kernels::MatmulArgs args = {
      .weights = task.weights,
      .row_begin = unit.row_begin,
      .row_end = unit.row_end,
      .x = task.x.data,
      .x_stride = task.x.stride,
      .x_rows = task.x_rows,
      .tokens = task.tokens,
      .out = task.out + (unit.row_begin - task.row_begin),
      .out_stride = task.out_stride,
      .scratch = context.scratch(worker),
  };
  if (task.x.quantized) {
    context.kernels.matmul_quantized(args);
  } else {
    context.kernels.matmul_float(args);
  }
}

}  // namespace

size_t MatmulScratchBytes(const kernels::KernelTable& kernels, int64_t cols) {
  return kernels.matmul_scratch_bytes(cols);
}

void Matmul(Context& context, std::span<const MatmulTask> tasks) {
  const int threads = context.pool.size();
  int64_t units = 0;
  for (const MatmulTask& task : tasks) {
    FATHOM_DCHECK(context.kernels.matmul_scratch_bytes(task.weights.cols) <=
                  context.scratch_bytes());
    units += UnitCount(task, threads);
  }
  context.pool.ForEach(units, [&](int64_t index, int worker) {
    const MatmulTask* task = tasks.data();
    for (int64_t count; index >= (count = UnitCount(*task, threads)); ++task) index -= count;
    const int64_t per_unit = RowsPerUnit(*task, threads);
    const int64_t begin = task->row_begin + index * per_unit;
    RunUnit(context, {task, begin, std::min(task->row_end, begin + per_unit)}, worker);
  });
}

void QuantizeRows(Context& context, const float* x, int64_t rows, QuantizedRows& out) {
  context.pool.ForRanges(rows, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r)
      context.kernels.quantize_activations(x + r * out.cols(), out.cols(), out.format(),
                                           out.row(r));
  });
}

}  // namespace fathom::ops
