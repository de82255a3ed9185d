#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/portable/portable.h"
#include "numerics/block_scale.h"
#include "numerics/e4m3.h"

namespace fathom::kernels::portable {

void PackRow(const float* row, RowLayout layout, std::byte* out) noexcept {
  auto* codes = reinterpret_cast<uint8_t*>(out);
  uint8_t* scales = codes + layout.code_count();
  for (int64_t block = 0; block < layout.scale_count(); ++block) {
    const float* x = row + block * numerics::kRowBlock;
    float amax = 0;
    for (int64_t i = 0; i < numerics::kRowBlock; ++i) amax = std::max(amax, std::fabs(x[i]));
    scales[block] = numerics::E4m3BlockScale(amax);
    const float reciprocal = numerics::Ue8m0Reciprocal(scales[block]);
    for (int64_t i = 0; i < numerics::kRowBlock; ++i)
      codes[block * numerics::kRowBlock + i] = numerics::FloatToE4m3(x[i] * reciprocal);
  }
  std::memset(
      scales + layout.scale_count(), 0,
      static_cast<size_t>(layout.rope_offset() - layout.code_count() - layout.scale_count()));
  std::memcpy(out + layout.rope_offset(), row + layout.code_count(),
              static_cast<size_t>(layout.rope_dim) * sizeof(float));
}

void UnpackRows(const std::byte* const* rows, int64_t count, RowLayout layout,
                float* out) noexcept {
  for (int64_t r = 0; r < count; ++r, out += layout.head_dim) {
    const auto* codes = reinterpret_cast<const uint8_t*>(rows[r]);
    const uint8_t* scales = codes + layout.code_count();
    for (int64_t i = 0; i < layout.code_count(); ++i)
      out[i] =
          numerics::E4m3ToFloat(codes[i]) * numerics::Ue8m0ToFloat(scales[i / numerics::kRowBlock]);
    std::memcpy(out + layout.code_count(), rows[r] + layout.rope_offset(),
                static_cast<size_t>(layout.rope_dim) * sizeof(float));
  }
}

void Pool(const float* const* values, const float* const* scores, int64_t slots, int64_t width,
          float* out) noexcept {
  for (int64_t c = 0; c < width; ++c) {
    float max = -std::numeric_limits<float>::infinity();
    for (int64_t s = 0; s < slots; ++s) max = std::max(max, scores[s][c]);
    float sum = 0;
    float weighted = 0;
    for (int64_t s = 0; s < slots; ++s) {
      const float e = std::exp(scores[s][c] - max);
      sum += e;
      weighted += e * values[s][c];
    }
    out[c] = weighted / sum;
  }
}

}  // namespace fathom::kernels::portable
