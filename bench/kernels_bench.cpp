// Speed of the kernels of every tier that runs here, beside the machine's own ceilings measured in
// the same run: streaming reads from memory, and products of each tier's instructions with all
// operands in registers.
//
// One-token products run over several hundred megabytes of weights, so that no cache helps; their
// rate is bytes of weights a second. Each benchmark first holds its result against the portable
// tier and reports an error if they disagree. The last number of a name is that of threads.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/dispatch.h"
#include "kernels/tiers.h"

namespace fathom::kernels {
namespace {

using tensor::WeightFormat;
using tensor::WeightMatrix;

constexpr int64_t kPoolBytes = int64_t{512} << 20;
constexpr int64_t kCheckedRows = 8;

/// Random bytes that are no NaN in any format; matrices are cut from them.
const std::vector<std::byte>& WeightPool() {
  static const std::vector<std::byte> kPool = [] {
    std::vector<std::byte> bytes(kPoolBytes);
    std::mt19937_64 random(1);
    for (size_t i = 0; i < bytes.size(); i += 8) {
      const uint64_t eight = random() & 0xBEBEBEBEBEBEBEBEu;
      std::memcpy(bytes.data() + i, &eight, sizeof eight);
    }
    return bytes;
  }();
  return kPool;
}

struct AlignedBuffer {
  explicit AlignedBuffer(size_t bytes)
      : data(static_cast<std::byte*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64)), std::free) {}
  std::unique_ptr<std::byte, decltype(&std::free)> data;
};

std::vector<float> RandomFloats(int64_t n) {
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(n));
  for (float& value : values) value = normal(random);
  return values;
}

// -- Linear layers --------------------------------------------------------------------------------

struct MatmulCase {
  const char* name;
  WeightFormat format;
  bool quantized;
  int64_t rows, cols, tokens;
};

/// One case on one tier: the operands, and the product split over threads.
class MatmulRun {
 public:
  MatmulRun(const KernelTable& kernels, const MatmulCase& matmul, int threads)
      : kernels_(kernels), case_(matmul), pool_(threads), scales_(matmul.rows * matmul.cols / 32) {
    std::mt19937 random(3);
    for (uint8_t& scale : scales_) scale = static_cast<uint8_t>(115 + random() % 10);
    const std::vector<float> x = RandomFloats(matmul.tokens * matmul.cols);
    x_stride_ = static_cast<int64_t>(matmul.quantized ? kernels.activation_bytes(matmul.cols)
                                                      : matmul.cols * sizeof(float));
    x_ = std::make_unique<AlignedBuffer>(matmul.tokens * x_stride_);
    for (int64_t t = 0; t < matmul.tokens; ++t) {
      std::byte* row = x_->data.get() + t * x_stride_;
      if (matmul.quantized)
        kernels.quantize_activations(x.data() + t * matmul.cols, matmul.cols, matmul.format, row);
      else
        std::memcpy(row, x.data() + t * matmul.cols, static_cast<size_t>(x_stride_));
    }
    out_.resize(static_cast<size_t>(matmul.tokens * matmul.rows));
    for (int i = 0; i < threads; ++i)
      scratch_.emplace_back(kernels.matmul_scratch_bytes(matmul.cols));
  }

  int64_t matrix_bytes() const { return Matrix(0).rows * Matrix(0).row_bytes(); }
  int64_t matrices() const { return kPoolBytes / matrix_bytes(); }

  const std::vector<float>& Multiply(int64_t matrix) {
    pool_.Run([&](int worker) {
      const int64_t begin = case_.rows * worker / pool_.size();
      const int64_t end = case_.rows * (worker + 1) / pool_.size();
      Multiply(matrix, begin, end, scratch_[static_cast<size_t>(worker)].data.get());
    });
    return out_;
  }
  void MultiplyFirstRows() { Multiply(0, 0, kCheckedRows, scratch_[0].data.get()); }
  const std::vector<float>& out() const { return out_; }

 private:
  WeightMatrix Matrix(int64_t i) const {
    WeightMatrix matrix = {.format = case_.format,
                           .rows = case_.rows,
                           .cols = case_.cols,
                           .data = WeightPool().data(),
                           .scales = scales_.data()};
    matrix.data += i * matrix.rows * matrix.row_bytes();
    return matrix;
  }
  void Multiply(int64_t matrix, int64_t begin, int64_t end, std::byte* scratch) {
    (case_.quantized ? kernels_.matmul_quantized
                     : kernels_.matmul_float)({.weights = Matrix(matrix),
                                               .row_begin = begin,
                                               .row_end = end,
                                               .x = x_->data.get(),
                                               .x_stride = x_stride_,
                                               .tokens = case_.tokens,
                                               .out = out_.data() + begin,
                                               .out_stride = case_.rows,
                                               .scratch = scratch});
  }

  const KernelTable& kernels_;
  const MatmulCase& case_;
  base::ThreadPool pool_;
  std::vector<uint8_t> scales_;
  std::unique_ptr<AlignedBuffer> x_;
  int64_t x_stride_ = 0;
  std::vector<float> out_;
  std::vector<AlignedBuffer> scratch_;
};

bool Agree(const std::vector<float>& a, const std::vector<float>& b, double tolerance) {
  for (size_t i = 0; i < a.size(); ++i)
    if (!(std::fabs(a[i] - b[i]) <= tolerance)) return false;
  return true;
}

void BenchMatmul(benchmark::State& state, const KernelTable& kernels, const MatmulCase& matmul,
                 int threads) {
  MatmulRun run(kernels, matmul, threads);
  MatmulRun reference(PortableKernels(), matmul, 1);
  run.MultiplyFirstRows();
  reference.MultiplyFirstRows();
  double largest = 0;
  for (float value : reference.out()) largest = std::max(largest, std::fabs(double{value}));
  if (!Agree(run.out(), reference.out(), 1e-4 * largest))
    return state.SkipWithError("disagrees with portable");
  int64_t matrix = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(run.Multiply(matrix).data());
    matrix = (matrix + 1) % run.matrices();
  }
  state.SetBytesProcessed(state.iterations() * run.matrix_bytes());
  const auto macs = static_cast<double>(matmul.rows * matmul.cols * matmul.tokens);
  state.counters["MAC/s"] = benchmark::Counter(macs * static_cast<double>(state.iterations()),
                                               benchmark::Counter::kIsRate);
}

// -- Attention and indexer ------------------------------------------------------------------------

void BenchAttend(benchmark::State& state, const KernelTable& kernels) {
  constexpr int64_t kDim = 512, kRows = 640;
  constexpr RowLayout kLayout{kDim, 64};
  constexpr numerics::TileLayout kTile{kDim};
  const std::vector<float> query = RandomFloats(kAttentionHeads * kDim);
  const std::vector<float> values = RandomFloats(kRows * kDim);
  std::vector<std::byte> rows(kRows * kLayout.row_bytes());
  std::vector<const std::byte*> pointers;
  for (int64_t r = 0; r < kRows; ++r) {
    kernels.pack_row(values.data() + r * kDim, kLayout, rows.data() + r * kLayout.row_bytes());
    pointers.push_back(rows.data() + r * kLayout.row_bytes());
  }
  std::vector<std::byte> tile(kAttentionTile * kTile.row_bytes());
  const auto attend = [&](const KernelTable& table) {
    std::vector<float> max(kAttentionHeads, -std::numeric_limits<float>::infinity());
    std::vector<float> sum(kAttentionHeads), out(kAttentionHeads * kDim);
    for (int64_t r = 0; r < kRows; r += kAttentionTile) {
      table.expand_rows(pointers.data() + r, kAttentionTile, kLayout, tile.data());
      table.attend({.query = query.data(),
                    .heads = kAttentionHeads,
                    .key_dim = kDim,
                    .value_dim = kDim,
                    .tile = tile.data(),
                    .layout = kTile,
                    .count = kAttentionTile,
                    .scale = 0.0442f,
                    .state = {max.data(), sum.data(), out.data()}});
    }
    return out;
  };
  if (!Agree(attend(kernels), attend(PortableKernels()), 1e-2))
    return state.SkipWithError("disagrees with portable");
  for (auto _ : state) benchmark::DoNotOptimize(attend(kernels));
  state.counters["MAC/s"] = benchmark::Counter(
      2.0 * kAttentionHeads * kRows * kDim * static_cast<double>(state.iterations()),
      benchmark::Counter::kIsRate);
}

void BenchIndexScores(benchmark::State& state, const KernelTable& kernels) {
  constexpr int64_t kHeads = 64, kTiles = 1024;
  const IndexKeyLayout layout{128};
  std::vector<int8_t> query(kHeads * layout.dim);
  for (size_t i = 0; i < query.size(); ++i) query[i] = static_cast<int8_t>(i * 7 % 25) - 12;
  const std::vector<float> scales(kHeads * layout.dim / 32, 0.25f);
  const std::vector<float> weights = RandomFloats(kHeads);
  std::vector<float> scores(kTiles * kIndexTile);
  const auto score = [&](const KernelTable& table) {
    table.index_scores({.query = query.data(),
                        .query_scales = scales.data(),
                        .head_weights = weights.data(),
                        .heads = kHeads,
                        .layout = layout,
                        .keys = WeightPool().data(),
                        .tiles = kTiles,
                        .scores = scores.data()});
    return scores.data();
  };
  score(PortableKernels());
  const std::vector<float> want = scores;
  score(kernels);
  if (std::memcmp(want.data(), scores.data(), want.size() * sizeof(float)) != 0)
    return state.SkipWithError("disagrees with portable");
  for (auto _ : state) benchmark::DoNotOptimize(score(kernels));
  state.counters["MAC/s"] = benchmark::Counter(
      static_cast<double>(kHeads * layout.dim * kTiles * kIndexTile * state.iterations()),
      benchmark::Counter::kIsRate);
}

void BenchExpandRows(benchmark::State& state, const KernelTable& kernels) {
  constexpr RowLayout kLayout{512, 64};
  constexpr int64_t kRows = 4096;
  std::vector<const std::byte*> rows;
  for (int64_t r = 0; r < kRows; ++r) rows.push_back(WeightPool().data() + r * kLayout.row_bytes());
  std::vector<std::byte> out(32 * numerics::TileLayout{512}.row_bytes());
  std::vector<std::byte> want(out.size());
  PortableKernels().expand_rows(rows.data(), 32, kLayout, want.data());
  kernels.expand_rows(rows.data(), 32, kLayout, out.data());
  if (std::memcmp(want.data(), out.data(), out.size()) != 0)
    return state.SkipWithError("disagrees with portable");
  for (auto _ : state)
    for (int64_t r = 0; r < kRows; r += 32)
      kernels.expand_rows(rows.data() + r, 32, kLayout, out.data());
  state.SetBytesProcessed(state.iterations() * kRows * kLayout.row_bytes());
}

// Quantised activations as numbers, ascending: tiers store them as float32 or BF16, in orders of
// their own.
std::vector<float> SortedActivations(const KernelTable& kernels, const std::vector<float>& x) {
  const auto cols = static_cast<int64_t>(x.size());
  std::vector<std::byte> stored(kernels.activation_bytes(cols));
  kernels.quantize_activations(x.data(), cols, WeightFormat::kE4m3, stored.data());
  const size_t width = stored.size() / x.size();
  std::vector<float> values(x.size());
  for (size_t i = 0; i < values.size(); ++i) {
    uint32_t bits = 0;  // a BF16 is the upper half of a float32
    std::memcpy(reinterpret_cast<std::byte*>(&bits) + sizeof bits - width,
                stored.data() + i * width, width);
    values[i] = std::bit_cast<float>(bits);
  }
  std::sort(values.begin(), values.end());
  return values;
}

void BenchQuantize(benchmark::State& state, const KernelTable& kernels) {
  constexpr int64_t kCols = 4096;
  const std::vector<float> x = RandomFloats(kCols);
  std::vector<std::byte> out(kernels.activation_bytes(kCols));
  if (SortedActivations(kernels, x) != SortedActivations(PortableKernels(), x))
    return state.SkipWithError("disagrees with portable");
  for (auto _ : state)
    kernels.quantize_activations(x.data(), kCols, WeightFormat::kE4m3, out.data());
  state.SetItemsProcessed(state.iterations() * kCols);
}

// -- Ceilings -------------------------------------------------------------------------------------

void BenchRead(benchmark::State& state, const KernelTable& kernels, int threads) {
  base::ThreadPool pool(threads);
  const std::byte* data = WeightPool().data();
  const int64_t share = kPoolBytes / threads / kProbeGrain * kProbeGrain;
  const auto read = [&](const KernelTable& table, int worker) {
    return table.probe_read(data + worker * share, share);
  };
  if (read(kernels, 0) != read(PortableKernels(), 0))
    return state.SkipWithError("disagrees with portable");
  for (auto _ : state)
    pool.Run([&](int worker) { benchmark::DoNotOptimize(read(kernels, worker)); });
  state.SetBytesProcessed(state.iterations() * share * threads);
}

void BenchProducts(benchmark::State& state, double (*probe)(int64_t) noexcept, int threads) {
  base::ThreadPool pool(threads);
  constexpr int kCalls = 64;
  const double macs = probe(kMaxProbeSteps);
  if (macs != kMaxProbeSteps * probe(1)) return state.SkipWithError("miscounts its products");
  for (auto _ : state)
    pool.Run([&](int) {
      for (int i = 0; i < kCalls; ++i) benchmark::DoNotOptimize(probe(kMaxProbeSteps));
    });
  state.counters["MAC/s"] =
      benchmark::Counter(macs * kCalls * threads * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate);
}

constexpr MatmulCase kCases[] = {
    {"e4m3_1", WeightFormat::kE4m3, true, 4096, 4096, 1},
    {"e4m3_2", WeightFormat::kE4m3, true, 4096, 4096, 2},
    {"e4m3_4", WeightFormat::kE4m3, true, 4096, 4096, 4},
    {"e4m3_8", WeightFormat::kE4m3, true, 4096, 4096, 8},
    {"e4m3_64", WeightFormat::kE4m3, true, 1024, 4096, 64},
    {"e2m1_1", WeightFormat::kE2m1, true, 2048, 4096, 1},
    {"e2m1_2", WeightFormat::kE2m1, true, 2048, 4096, 2},
    {"e2m1_4", WeightFormat::kE2m1, true, 2048, 4096, 4},
    {"e2m1_8", WeightFormat::kE2m1, true, 2048, 4096, 8},
    {"e2m1_64", WeightFormat::kE2m1, true, 1024, 4096, 64},
    {"e4m3_float_1", WeightFormat::kE4m3, false, 4096, 4096, 1},
    {"e4m3_float_64", WeightFormat::kE4m3, false, 1024, 4096, 64},
    {"bf16_float_1", WeightFormat::kBf16, false, 4096, 4096, 1},
    {"bf16_float_64", WeightFormat::kBf16, false, 1024, 4096, 64},
    {"f32_float_1", WeightFormat::kF32, false, 24, 16384, 1},
};

void Register(const std::string& name, std::function<void(benchmark::State&)> run) {
  benchmark::RegisterBenchmark(name.c_str(), [run](benchmark::State& state) { run(state); })
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond);
}

void RegisterAll() {
  for (const KernelTable* kernels : SupportedKernels()) {
    const std::string tier = kernels->name;
    for (int threads : {1, 2}) {
      const auto ceiling = [&](const std::string& name, auto bench) {
        Register(tier + "/ceiling/" + name + "/" + std::to_string(threads), bench);
      };
      ceiling("read", [=](benchmark::State& state) { BenchRead(state, *kernels, threads); });
      ceiling("bf16",
              [=](benchmark::State& state) { BenchProducts(state, kernels->probe_bf16, threads); });
      ceiling("int8",
              [=](benchmark::State& state) { BenchProducts(state, kernels->probe_int8, threads); });
    }
    for (const MatmulCase& matmul : kCases)
      for (int threads : {1, 2})
        Register(tier + "/" + matmul.name + "/" + std::to_string(threads),
                 [kernels, &matmul, threads](benchmark::State& state) {
                   BenchMatmul(state, *kernels, matmul, threads);
                 });
    const auto single = [&](const char* name, auto bench) {
      Register(tier + "/" + name + "/1",
               [kernels, bench](benchmark::State& state) { bench(state, *kernels); });
    };
    single("attend", BenchAttend);
    single("index_scores", BenchIndexScores);
    single("expand_rows", BenchExpandRows);
    single("quantize_activations", BenchQuantize);
  }
}

}  // namespace
}  // namespace fathom::kernels

int main(int argc, char** argv) {
  fathom::kernels::RegisterAll();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
