#include "model/weights_check.h"

#include <bit>
#include <cstring>
#include <optional>
#include <string>

#include "numerics/bf16.h"

namespace fathom::model {
namespace {

constexpr uint8_t kNanScale = 255;

template <typename T>
T ReadAt(const tensor::TensorView& view, int64_t i) {
  T value;
  std::memcpy(&value, view.data + i * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return value;
}

// "[3, 17]": where the i-th element is.
std::string PositionOf(const tensor::TensorView& view, int64_t i) {
  tensor::Shape position(view.shape.size());
  for (size_t axis = view.shape.size(); axis-- > 0;) {
    position[axis] = i % view.shape[axis];
    i /= view.shape[axis];
  }
  return tensor::ToString(position);
}

// The code of exactly this float, if it is a power of two that UE8M0 has.
std::optional<uint8_t> FloatToUe8m0(float scale) {
  const uint32_t bits = std::bit_cast<uint32_t>(scale);
  if (bits == uint32_t{1} << 22) return 0;  // 2^-127, a subnormal float32
  const uint32_t exponent = bits >> 23;     // with the sign: above 255 for negative numbers
  if (exponent == 0 || exponent >= kNanScale || bits << 9 != 0) return std::nullopt;
  return static_cast<uint8_t>(exponent);
}

}  // namespace

base::Status CheckScales(const tensor::TensorView& scales) {
  const void* nan = std::memchr(scales.data, kNanScale, static_cast<size_t>(scales.bytes()));
  if (nan == nullptr) return {};
  return base::MakeError("scale {} is NaN (byte 255)",
                         PositionOf(scales, static_cast<const std::byte*>(nan) - scales.data));
}

base::Status CheckFloatScales(const tensor::TensorView& scales) {
  const int64_t count = scales.elements();
  for (int64_t i = 0; i < count; ++i) {
    const auto scale = ReadAt<float>(scales, i);
    if (!FloatToUe8m0(scale))
      return base::MakeError("scale {} is {}, not a power of two from 2^-127 to 2^127",
                             PositionOf(scales, i), scale);
  }
  return {};
}

void ConvertScales(const tensor::TensorView& scales, uint8_t* out) {
  const int64_t count = scales.elements();
  for (int64_t i = 0; i < count; ++i) {
    const std::optional<uint8_t> code = FloatToUe8m0(ReadAt<float>(scales, i));
    FATHOM_CHECK(code.has_value());
    out[i] = *code;
  }
}

base::Status CheckFinite(const tensor::TensorView& values) {
  constexpr uint32_t kExponent = 0x7F800000;
  const bool bf16 = values.dtype == tensor::DType::kBF16;
  const int64_t count = values.elements();
  for (int64_t i = 0; i < count; ++i) {
    const float value =
        bf16 ? numerics::Bf16ToFloat(ReadAt<uint16_t>(values, i)) : ReadAt<float>(values, i);
    if ((std::bit_cast<uint32_t>(value) & kExponent) == kExponent)
      return base::MakeError("element {} is {}", PositionOf(values, i), value);
  }
  return {};
}

base::Status CheckExpertIds(const tensor::TensorView& ids, int64_t experts) {
  const int64_t per_token = ids.shape.back();
  const int64_t count = ids.elements();
  for (int64_t i = 0; i < count; ++i) {
    const auto id = ReadAt<int64_t>(ids, i);
    if (id < 0 || id >= experts)
      return base::MakeError("element {} is {}, but experts are 0 to {}", PositionOf(ids, i), id,
                             experts - 1);
    for (int64_t j = i / per_token * per_token; j < i; ++j)
      if (ReadAt<int64_t>(ids, j) == id)
        return base::MakeError("elements {} and {} name the same expert {}", PositionOf(ids, j),
                               PositionOf(ids, i), id);
  }
  return {};
}

}  // namespace fathom::model
