#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/portable/portable.h"
#include "numerics/bf16.h"
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
  for (int64_t i = 0; i < layout.rope_dim; ++i) {
    const uint16_t bits = numerics::FloatToBf16(row[layout.code_count() + i]);
    std::memcpy(out + layout.rope_offset() + 2 * i, &bits, sizeof bits);
  }
}

void ExpandRows(const std::byte* const* rows, int64_t count, RowLayout layout,
                std::byte* out) noexcept {
  const TileLayout tile = {layout.head_dim};
  std::memset(out, 0, static_cast<size_t>(count * tile.row_bytes()));
  for (int64_t r = 0; r < count; ++r, out += tile.row_bytes()) {
    const auto* codes = reinterpret_cast<const uint8_t*>(rows[r]);
    const uint8_t* scales = codes + layout.code_count();
    for (int64_t d = 0; d < layout.code_count(); ++d) {
      const float value =
          numerics::E4m3ToFloat(codes[d]) * numerics::Ue8m0ToFloat(scales[d / numerics::kRowBlock]);
      const auto bits = static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16);
      std::memcpy(out + TileLayout::offset(d), &bits, sizeof bits);
    }
    for (int64_t i = 0; i < layout.rope_dim; ++i)
      std::memcpy(out + TileLayout::offset(layout.code_count() + i),
                  rows[r] + layout.rope_offset() + 2 * i, 2);
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
