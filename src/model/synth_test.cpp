#include "model/synth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>

#include "base/file.h"
#include "checkpoint/directory.h"
#include "checkpoint/test_files.h"
#include "model/config.h"
#include "model/presets.h"
#include "model/random_values.h"
#include "model/tensor_names.h"
#include "model/weights_loader.h"
#include "numerics/bf16.h"
#include "numerics/e2m1.h"
#include "numerics/e4m3.h"
#include "numerics/ue8m0.h"

namespace fathom::model {
namespace {

using checkpoint::TemporaryFolder;
using checkpoint::TensorDirectory;
using testing::ElementsAre;
using testing::HasSubstr;

std::string ReadConfig(const char* golden) {
  const auto text =
      base::ReadFile(fmt::format("{}/tests/goldens/{}/config.json", FATHOM_SOURCE_DIR, golden));
  EXPECT_TRUE(text.ok());
  return *text;
}

void WriteRandom(const std::string& folder, const char* golden, const SynthOptions& options,
                 int threads, const checkpoint::Progress& progress = {}) {
  base::ThreadPool pool(threads);
  const base::Status status =
      WriteRandomCheckpoint(folder, ReadConfig(golden), golden, options, pool, progress);
  ASSERT_TRUE(status.ok()) << status.error().message;
}

base::Result<LoadedWeights> LoadFrom(const std::string& folder) {
  FATHOM_ASSIGN(const ModelConfig config, LoadConfig(folder));
  FATHOM_ASSIGN(TensorDirectory directory, TensorDirectory::Open(folder));
  base::ThreadPool pool(1);
  return LoadedWeights::Load(std::move(directory), config, pool);
}

TEST(Synth, WritesCheckpointsThatLoad) {
  for (const char* golden : {"nano-flash", "nano-pro"}) {
    const TemporaryFolder folder;
    uint64_t done = 0, total = 0;
    WriteRandom(folder / "new", golden, {}, 2, [&](uint64_t now, uint64_t all) {
      EXPECT_GE(now, done);
      done = now;
      total = all;
    });
    const auto loaded = LoadFrom(folder / "new");
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    EXPECT_TRUE(loaded->report().unknown_tensors.empty());
    EXPECT_EQ(done, TensorDirectory::Open(folder / "new")->total_bytes());
    EXPECT_EQ(done, total);
  }
}

std::string AllBytes(const std::string& folder) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    paths.push_back(entry.path().string());
  std::ranges::sort(paths);
  std::string bytes;
  for (const std::string& path : paths) bytes += base::ReadFile(path).value();
  return bytes;
}

TEST(Synth, DependsOnTheSeedAndNotOnThreads) {
  std::vector<std::string> bytes;
  for (const auto& [seed, threads] : {std::pair(7, 1), std::pair(7, 3), std::pair(8, 1)}) {
    const TemporaryFolder folder;
    WriteRandom(folder.path(), "nano-flash", {.seed = static_cast<uint64_t>(seed)}, threads);
    bytes.push_back(AllBytes(folder.path()));
  }
  EXPECT_EQ(bytes[0], bytes[1]);
  EXPECT_NE(bytes[0], bytes[2]);
}

TEST(Synth, CutsLayersAndExperts) {
  const auto flash = PresetConfig("flash");
  ASSERT_TRUE(flash.ok());
  const auto cut = CutConfig(*flash, "flash", {.layers = 5, .experts = 4});
  ASSERT_TRUE(cut.ok()) << cut.error().message;
  const auto config = ParseConfig(*cut, "cut");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->num_hidden_layers, 5);
  EXPECT_THAT(config->compress_ratios, ElementsAre(0, 0, 4, 128, 4, 0));
  EXPECT_EQ(config->n_routed_experts, 4);
  EXPECT_EQ(config->num_experts_per_tok, 4);
  EXPECT_EQ(config->num_hash_layers, 3);
  EXPECT_EQ(config->hidden_size, 4096);

  const auto one = CutConfig(*flash, "flash", {.layers = 1});
  ASSERT_TRUE(one.ok()) << one.error().message;
  const auto one_layer = ParseConfig(*one, "cut");
  ASSERT_TRUE(one_layer.ok()) << one_layer.error().message;
  EXPECT_THAT(one_layer->compress_ratios, ElementsAre(0, 0));
  EXPECT_EQ(one_layer->num_hash_layers, 1);
  EXPECT_EQ(one_layer->n_routed_experts, 256);
}

TEST(Synth, WritesTheCutConfiguration) {
  const TemporaryFolder folder;
  WriteRandom(folder.path(), "nano-pro", {.layers = 3, .experts = 2}, 2);
  const auto loaded = LoadFrom(folder.path());
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_EQ(loaded->weights().layers.size(), 3u);
  EXPECT_EQ(loaded->weights().mtp.size(), 1u);
  EXPECT_EQ(loaded->weights().layers[2].ffn.experts.size(), 2u);
}

TEST(Synth, RefusesOptionsOutOfRange) {
  const std::string json = ReadConfig("nano-flash");
  const std::pair<SynthOptions, const char*> faults[] = {
      {{.layers = 0}, "layers: 0 is not between 1 and 7"},
      {{.layers = 8}, "layers: 8 is not between 1 and 7"},
      {{.experts = -1}, "experts: -1 is not between 1 and 8"},
      {{.experts = 9}, "experts: 9 is not between 1 and 8"},
  };
  for (const auto& [options, message] : faults) {
    const auto result = CutConfig(json, "x", options);
    ASSERT_FALSE(result.ok()) << message;
    EXPECT_EQ(result.error().message, message);
  }
  const auto result = CutConfig("{}", "x.json", {});
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.error().message, HasSubstr("x.json"));
}

TEST(Synth, ReportsWhereItCannotWrite) {
  const TemporaryFolder folder;
  checkpoint::WriteBytes(folder / "file", "x");
  base::ThreadPool pool(1);
  const base::Status status =
      WriteRandomCheckpoint(folder / "file", ReadConfig("nano-pro"), "nano-pro", {}, pool);
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr(folder / "file"));
}

// -- RandomValues ---------------------------------------------------------------------------------

struct Moments {
  double mean = 0;
  double deviation = 0;
};

Moments MeasureMoments(int64_t count, const std::function<float(int64_t)>& value) {
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < count; ++i) {
    sum += value(i);
    squares += static_cast<double>(value(i)) * value(i);
  }
  const double mean = sum / static_cast<double>(count);
  return {mean, std::sqrt(squares / static_cast<double>(count) - mean * mean)};
}

std::vector<std::byte> FillWhole(const TensorSlot& slot) {
  const int64_t elements = tensor::ElementCount(slot.shape);
  std::vector<std::byte> bytes(static_cast<size_t>(elements * tensor::SizeOf(slot.dtype)));
  RandomValues(slot, 1).Fill(0, elements, bytes.data());
  return bytes;
}

TensorSlot MakeSlot(TensorKind kind, tensor::DType dtype, tensor::Shape shape, WeightFormat format,
                    InitialValues initial) {
  return {.name = "x",
          .kind = kind,
          .dtype = dtype,
          .shape = std::move(shape),
          .format = format,
          .initial = initial,
          .target = static_cast<const std::byte**>(nullptr)};
}

TEST(RandomValues, GivesQuantizedMatricesTheirDeviation) {
  for (const WeightFormat format : {WeightFormat::kE4m3, WeightFormat::kE2m1}) {
    for (const float deviation : {0.0013f, 0.015625f, 0.07f}) {
      const bool e2m1 = format == WeightFormat::kE2m1;
      const int64_t rows = 1024, cols = 4096;
      const InitialValues initial{0, deviation};
      const tensor::Shape scale_shape =
          e2m1 ? tensor::Shape{rows, cols / 32} : tensor::Shape{rows / 128, cols / 128};
      const auto codes = FillWhole(MakeSlot(TensorKind::kMatrix,
                                            e2m1 ? tensor::DType::kI8 : tensor::DType::kF8E4M3,
                                            {rows, e2m1 ? cols / 2 : cols}, format, initial));
      const auto scales = FillWhole(
          MakeSlot(TensorKind::kScales, tensor::DType::kF8E8M0, scale_shape, format, initial));
      const WeightMatrix matrix{format, rows, cols, codes.data(),
                                reinterpret_cast<const uint8_t*>(scales.data())};
      const Moments moments = MeasureMoments(rows * cols, [&](int64_t i) {
        const int64_t row = i / cols, col = i % cols;
        const auto byte = std::to_integer<unsigned>(matrix.row(row)[e2m1 ? col / 2 : col]);
        const float scale =
            numerics::Ue8m0ToFloat(matrix.row_scales(row)[e2m1 ? col / 32 : col / 128]);
        const auto code = static_cast<uint8_t>(e2m1 && col % 2 == 1 ? byte >> 4 : byte);
        return scale * (e2m1 ? numerics::E2m1ToFloat(code) : numerics::E4m3ToFloat(code));
      });
      EXPECT_NEAR(moments.deviation / deviation, 1, 0.05);
      EXPECT_NEAR(moments.mean / deviation, 0, 0.01);
    }
  }
}

TEST(RandomValues, GivesVectorsTheirMeanAndDeviation) {
  const InitialValues initial{2, 0.25f};
  const auto floats =
      FillWhole(MakeSlot(TensorKind::kFloats, tensor::DType::kF32, {100000}, {}, initial));
  const Moments f32 = MeasureMoments(100000, [&](int64_t i) {
    float value;
    std::memcpy(&value, floats.data() + i * 4, 4);
    return value;
  });
  const auto halves =
      FillWhole(MakeSlot(TensorKind::kNorm, tensor::DType::kBF16, {100000}, {}, initial));
  const Moments bf16 = MeasureMoments(100000, [&](int64_t i) {
    uint16_t bits;
    std::memcpy(&bits, halves.data() + i * 2, 2);
    return numerics::Bf16ToFloat(bits);
  });
  for (const Moments& moments : {f32, bf16}) {
    EXPECT_NEAR(moments.mean, 2, 0.005);
    EXPECT_NEAR(moments.deviation, 0.25, 0.005);
  }
}

TEST(RandomValues, NamesEveryExpertEquallyOften) {
  TensorSlot slot = MakeSlot(TensorKind::kExpertIds, tensor::DType::kI64, {50000, 3}, {}, {});
  slot.experts = 5;
  const auto bytes = FillWhole(slot);
  std::array<int, 5> counts{};
  for (size_t i = 0; i < bytes.size(); i += 8) {
    int64_t id;
    std::memcpy(&id, bytes.data() + i, 8);
    ASSERT_TRUE(id >= 0 && id < 5);
    ++counts[static_cast<size_t>(id)];
  }
  for (const int count : counts) EXPECT_NEAR(count, 30000, 600);
}

// Two tensors, or two parts of one, do not repeat each other.
TEST(RandomValues, DiffersBetweenTensorsAndPlaces) {
  TensorSlot slot =
      MakeSlot(TensorKind::kMatrix, tensor::DType::kF8E4M3, {64, 128}, WeightFormat::kE4m3, {0, 1});
  const auto first = FillWhole(slot);
  slot.name = "y";
  const auto second = FillWhole(slot);
  const auto count_equal = [](const std::byte* a, const std::byte* b, size_t n) {
    size_t equal = 0;
    for (size_t i = 0; i < n; ++i) equal += a[i] == b[i];
    return equal;
  };
  // One in 64 codes is equal by chance.
  EXPECT_LT(count_equal(first.data(), second.data(), 8192), 200u);
  EXPECT_LT(count_equal(first.data(), first.data() + 4096, 4096), 120u);
  EXPECT_LT(count_equal(first.data(), first.data() + 128, 4096), 120u);
}

TEST(RandomValues, IsTheSameHoweverItIsCut) {
  for (const WeightFormat format : {WeightFormat::kE4m3, WeightFormat::kBf16}) {
    const TensorSlot slot =
        MakeSlot(TensorKind::kMatrix,
                 format == WeightFormat::kE4m3 ? tensor::DType::kF8E4M3 : tensor::DType::kBF16,
                 {3, 331}, format, {0, 1});
    const auto whole = FillWhole(slot);
    const int64_t size = tensor::SizeOf(slot.dtype);
    std::vector<std::byte> parts(whole.size());
    const RandomValues values(slot, 1);
    for (int64_t begin = 0, step = 1; begin < 993; ++step) {
      const int64_t end = std::min(begin + step * values.grain(), int64_t{993});
      values.Fill(begin, end, parts.data() + begin * size);
      begin = end;
    }
    EXPECT_EQ(parts, whole);
  }
}

}  // namespace
}  // namespace fathom::model
