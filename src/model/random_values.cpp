#include "model/random_values.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "numerics/bf16.h"
#include "numerics/e2m1.h"
#include "numerics/e4m3.h"

namespace fathom::model {
namespace {

constexpr int64_t kCodesPerDraw = 8;  // bytes of one random word

// A bijective mix of 64 bits (the finaliser of the SplitMix64 generator): consecutive inputs give
// outputs that look independent, which is all that weights need.
constexpr uint64_t Mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

constexpr uint64_t Draw(uint64_t key, int64_t counter) {
  return Mix(key + static_cast<uint64_t>(counter) * 0x9E3779B97F4A7C15u);
}

uint64_t MakeKey(std::string_view name, uint64_t seed) {
  uint64_t key = Mix(seed);
  for (const char c : name) key = Mix(key ^ static_cast<uint8_t>(c));
  return key;
}

// E4M3 codes: sign, two exponent bits and the mantissa are random, so magnitudes are 2 to 30, never
// NaN. E2M1: all 16 codes.
constexpr uint64_t kE4m3Random = 0x9F9F9F9F9F9F9F9Fu;
constexpr uint64_t kE4m3Fixed = 0x4040404040404040u;

// The root mean square of those codes.
float CodeDeviation(WeightFormat format) {
  float sum = 0;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const float value =
        format == WeightFormat::kE2m1
            ? numerics::E2m1ToFloat(static_cast<uint8_t>(byte))
            : numerics::E4m3ToFloat(static_cast<uint8_t>((byte & kE4m3Random) | kE4m3Fixed));
    sum += value * value;
  }
  return std::sqrt(sum / 256);
}

// Nearly normal with mean 0 and deviation 1: the sum of four uniform numbers.
float NormalFrom(uint64_t bits) {
  const uint64_t pairs = (bits & 0x0000FFFF0000FFFFu) + ((bits >> 16) & 0x0000FFFF0000FFFFu);
  const auto sum = static_cast<int32_t>((pairs & 0xFFFFFFFFu) + (pairs >> 32));
  constexpr float kMean = 2 * 65535.0f;
  constexpr float kRoot3 = 1.7320508f;  // four uniform numbers over [0, 1) have variance 1/3
  return (static_cast<float>(sum) - kMean) * (kRoot3 / 65536.0f);
}

}  // namespace

RandomValues::RandomValues(const TensorSlot& slot, uint64_t seed)
    : slot_(slot), key_(MakeKey(slot.name, seed)) {}

int64_t RandomValues::grain() const {
  return slot_.kind == TensorKind::kExpertIds ? slot_.shape.back() : kCodesPerDraw;
}

void RandomValues::Fill(int64_t begin, int64_t end, std::byte* out) const {
  FATHOM_DCHECK(begin % grain() == 0);
  switch (slot_.kind) {
    case TensorKind::kMatrix:
      if (slot_.format == WeightFormat::kE2m1 || slot_.format == WeightFormat::kE4m3)
        return FillCodes(begin, end, out);
      break;
    case TensorKind::kScales:
      return FillScales(begin, end, out);
    case TensorKind::kExpertIds:
      return FillExpertIds(begin, end, out);
    case TensorKind::kFloats:
    case TensorKind::kNorm:
      break;
  }
  if (slot_.dtype == tensor::DType::kBF16) return FillNormal<uint16_t>(begin, end, out);
  FillNormal<float>(begin, end, out);
}

void RandomValues::FillCodes(int64_t begin, int64_t end, std::byte* out) const {
  const bool e4m3 = slot_.format == WeightFormat::kE4m3;
  const uint64_t random = e4m3 ? kE4m3Random : ~uint64_t{0};
  const uint64_t fixed = e4m3 ? kE4m3Fixed : 0;
  for (int64_t i = begin; i < end; i += kCodesPerDraw, out += kCodesPerDraw) {
    const uint64_t codes = (Draw(key_, i / kCodesPerDraw) & random) | fixed;
    std::memcpy(out, &codes, static_cast<size_t>(std::min(kCodesPerDraw, end - i)));
  }
}

void RandomValues::FillScales(int64_t begin, int64_t end, std::byte* out) const {
  // No single power of two gives the wanted deviation; two neighbours, mixed so that the mean
  // square is right, do.
  const float exact = std::log2(slot_.initial.deviation / CodeDeviation(slot_.format));
  const float lower = std::floor(exact);
  const float share_of_upper = (std::exp2(2 * (exact - lower)) - 1) / 3;
  const auto threshold = static_cast<uint64_t>(share_of_upper * 65536.0f);
  const int lower_code = std::clamp(static_cast<int>(lower) + 127, 0, 253);
  for (int64_t i = begin; i < end; ++i) {
    const bool upper = (Draw(key_, i) >> 48) < threshold;
    *out++ = static_cast<std::byte>(lower_code + (upper ? 1 : 0));
  }
}

template <typename T>
void RandomValues::FillNormal(int64_t begin, int64_t end, std::byte* out) const {
  const auto [mean, deviation] = slot_.initial;
  for (int64_t i = begin; i < end; ++i, out += sizeof(T)) {
    const float value = mean + deviation * NormalFrom(Draw(key_, i));
    if constexpr (sizeof(T) == sizeof(uint16_t)) {
      const uint16_t bits = numerics::FloatToBf16(value);
      std::memcpy(out, &bits, sizeof(bits));
    } else {
      std::memcpy(out, &value, sizeof(value));
    }
  }
}

void RandomValues::FillExpertIds(int64_t begin, int64_t end, std::byte* out) const {
  const int64_t per_token = slot_.shape.back();
  std::vector<int64_t> chosen;  // ascending
  for (int64_t i = begin; i < end; ++i, out += sizeof(int64_t)) {
    if (i % per_token == 0) chosen.clear();
    // The n-th of the experts that this token does not have yet.
    const auto left = static_cast<uint64_t>(slot_.experts) - chosen.size();
    auto id = static_cast<int64_t>(Draw(key_, i) % left);
    auto at = chosen.begin();
    for (; at != chosen.end() && *at <= id; ++at) ++id;
    chosen.insert(at, id);
    std::memcpy(out, &id, sizeof(id));
  }
}

}  // namespace fathom::model
