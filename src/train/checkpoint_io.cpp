#include "train/checkpoint_io.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "base/check.h"
#include "base/thread_pool.h"
#include "checkpoint/writer.h"
#include "model/weights_loader.h"
#include "numerics/bf16.h"
#include "numerics/block_scale.h"
#include "numerics/e2m1.h"
#include "numerics/e4m3.h"
#include "train/rounding.h"

namespace fathom::train {
namespace {

using model::TensorKind;
using model::TensorSlot;
using model::WeightFormat;

constexpr int64_t kTile = numerics::kLinearBlock;

// A quantised matrix as it is stored.
struct Stored {
  const std::byte* data = nullptr;
  const uint8_t* scales = nullptr;
};

template <typename T>
T LoadAs(const std::byte* data, int64_t index) {
  T value;
  std::memcpy(&value, data + index * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return value;
}

void DecodeE4m3(const Stored& stored, int64_t rows, int64_t cols, float* out) {
  const int64_t tiles = (cols + kTile - 1) / kTile;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < cols; ++c)
      out[r * cols + c] = numerics::E4m3ToFloat(static_cast<uint8_t>(stored.data[r * cols + c])) *
                          numerics::Ue8m0ToFloat(stored.scales[r / kTile * tiles + c / kTile]);
}

void DecodeE2m1(const Stored& stored, int64_t rows, int64_t cols, float* out) {
  for (int64_t i = 0; i < rows * cols; ++i) {
    const auto pair = static_cast<uint8_t>(stored.data[i / 2]);
    out[i] = numerics::E2m1ToFloat(i % 2 == 0 ? pair & 15 : pair >> 4) *
             numerics::Ue8m0ToFloat(stored.scales[i / numerics::kFp4Block]);
  }
}

void Decode(const TensorSlot& slot, const Stored& stored, const at::Tensor& value) {
  if (slot.kind == TensorKind::kExpertIds) {
    std::memcpy(value.data_ptr(), stored.data, value.nbytes());
    return;
  }
  FATHOM_CHECK(value.is_contiguous());
  float* out = value.data_ptr<float>();
  const int64_t cols = value.size(-1);
  if (slot.format == WeightFormat::kE4m3 && slot.kind == TensorKind::kMatrix)
    return DecodeE4m3(stored, value.size(0), cols, out);
  if (slot.format == WeightFormat::kE2m1 && slot.kind == TensorKind::kMatrix)
    return DecodeE2m1(stored, value.size(0), cols, out);
  for (int64_t i = 0; i < value.numel(); ++i)
    out[i] = slot.dtype == tensor::DType::kBF16
                 ? numerics::Bf16ToFloat(LoadAs<uint16_t>(stored.data, i))
                 : LoadAs<float>(stored.data, i);
}

// The bytes of a tensor and, of a quantised matrix, of its scales.
struct Encoded {
  std::vector<std::byte> data;
  std::vector<std::byte> scales;
};

uint8_t ScaleCode(float scale) { return static_cast<uint8_t>(std::ilogb(scale) + 127); }

float LargestMagnitude(const float* x, int64_t n) {
  float amax = 0;
  for (int64_t i = 0; i < n; ++i) amax = std::max(amax, std::fabs(x[i]));
  return amax;
}

Encoded EncodeE4m3(const float* x, int64_t rows, int64_t cols) {
  Encoded out;
  out.data.resize(static_cast<size_t>(rows * cols));
  for (int64_t r = 0; r < rows; r += kTile) {
    for (int64_t c = 0; c < cols; c += kTile) {
      const int64_t r_end = std::min(r + kTile, rows);
      const int64_t c_end = std::min(c + kTile, cols);
      float amax = 0;
      for (int64_t i = r; i < r_end; ++i)
        amax = std::max(amax, LargestMagnitude(x + i * cols + c, c_end - c));
      const float scale = E4m3WeightScale(amax);
      out.scales.push_back(static_cast<std::byte>(ScaleCode(scale)));
      for (int64_t i = r; i < r_end; ++i)
        for (int64_t j = c; j < c_end; ++j)
          out.data[static_cast<size_t>(i * cols + j)] =
              static_cast<std::byte>(numerics::FloatToE4m3(x[i * cols + j] / scale));
    }
  }
  return out;
}

Encoded EncodeE2m1(const float* x, int64_t rows, int64_t cols) {
  Encoded out;
  for (int64_t i = 0; i < rows * cols; i += numerics::kFp4Block) {
    const float scale = E2m1WeightScale(LargestMagnitude(x + i, numerics::kFp4Block));
    out.scales.push_back(static_cast<std::byte>(ScaleCode(scale)));
    for (int64_t j = i; j < i + numerics::kFp4Block; j += 2)
      out.data.push_back(static_cast<std::byte>(numerics::FloatToE2m1(x[j] / scale) |
                                                numerics::FloatToE2m1(x[j + 1] / scale) << 4));
  }
  return out;
}

template <typename T>
void AppendBytes(T value, std::vector<std::byte>& out) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

Encoded Encode(const StoredSlot& stored) {
  const at::Tensor value = stored.value.contiguous();
  Encoded out;
  if (stored.slot.kind == TensorKind::kExpertIds) {
    const auto* bytes = static_cast<const std::byte*>(value.data_ptr());
    out.data.assign(bytes, bytes + value.nbytes());
    return out;
  }
  const float* x = value.data_ptr<float>();
  const int64_t cols = value.size(-1);
  if (stored.slot.kind == TensorKind::kMatrix && stored.slot.format == WeightFormat::kE4m3)
    return EncodeE4m3(x, value.size(0), cols);
  if (stored.slot.kind == TensorKind::kMatrix && stored.slot.format == WeightFormat::kE2m1)
    return EncodeE2m1(x, value.size(0), cols);
  for (int64_t i = 0; i < value.numel(); ++i) {
    if (stored.slot.dtype == tensor::DType::kBF16)
      AppendBytes(numerics::FloatToBf16(x[i]), out.data);
    else
      AppendBytes(x[i], out.data);
  }
  return out;
}

// Where the loaded checkpoint has the tensors of a table's slots, in their order.
std::vector<Stored> ListStored(const model::ModelConfig& config, model::ModelWeights weights) {
  std::vector<Stored> all;
  model::ForEachTensor(config, weights, [&](const TensorSlot& slot) {
    const auto* data = std::visit(
        [](auto* member) { return reinterpret_cast<const std::byte*>(*member); }, slot.target);
    if (slot.kind == TensorKind::kScales)
      all.back().scales = reinterpret_cast<const uint8_t*>(data);
    else
      all.push_back({data, nullptr});
  });
  return all;
}

}  // namespace

base::Status ReadParameters(const std::string& directory, const ParameterTable& table) {
  at::NoGradGuard no_grad;
  base::ThreadPool pool(1);
  FATHOM_ASSIGN(const auto loaded, model::LoadedWeights::Open(directory, table.config(), pool));
  const std::vector<Stored> stored = ListStored(table.config(), loaded.weights());
  FATHOM_CHECK(stored.size() == table.slots().size());
  for (size_t i = 0; i < stored.size(); ++i)
    Decode(table.slots()[i].slot, stored[i], table.slots()[i].value);
  return {};
}

base::Status WriteParameters(const std::string& directory, const ParameterTable& table) {
  at::NoGradGuard no_grad;
  std::vector<checkpoint::TensorSpec> specs;
  model::ForEachTensor(table.config(), [&](const TensorSlot& slot) {
    specs.push_back({slot.name, slot.dtype, slot.shape});
  });
  FATHOM_ASSIGN(auto writer, checkpoint::ShardedWriter::Create(directory, std::move(specs)));
  for (const StoredSlot& stored : table.slots()) {
    const Encoded encoded = Encode(stored);
    FATHOM_TRY(writer.Append(encoded.data));
    FATHOM_TRY(writer.Append(encoded.scales));
  }
  return writer.Finish();
}

}  // namespace fathom::train
