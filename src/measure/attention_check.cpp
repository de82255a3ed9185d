#include "measure/attention_check.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "numerics/bf16.h"
#include "numerics/block_scale.h"
#include "numerics/e2m1.h"
#include "numerics/e4m3.h"

namespace fathom::measure {
namespace {

// Of the largest value: float32 sums over up to a million rows, taken in spans, are off by less.
constexpr double kHeadTolerance = 1e-5;
// Of a score, likewise.
constexpr double kScoreTolerance = 1e-4;
constexpr int64_t kSampledKeys = 2048;

template <typename Visit>
void ForEachRow(const ops::VisibleRows& visible, Visit visit) {
  for (int64_t p = visible.window_begin; p < visible.window_end; ++p) visit(visible.window.row(p));
  for (int64_t i = 0; i < visible.row_count; ++i)
    visit(visible.rows->record(visible.selected != nullptr ? visible.selected[i] : i));
}

double Dot(const float* a, const float* b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += double{a[i]} * b[i];
  return sum;
}

/// The softmax-weighted sum of values; `largest` becomes the largest magnitude of a value.
std::vector<double> Attend(const ops::AttentionParams& params, const ops::VisibleRows& visible,
                           int64_t head, const float* query, double* largest) {
  std::vector<double> out(static_cast<size_t>(params.value_dim));
  double max =
      params.sinks != nullptr ? params.sinks[head] : -std::numeric_limits<double>::infinity();
  double sum = params.sinks != nullptr ? 1 : 0;
  *largest = 0;
  ForEachRow(visible, [&](const std::byte* stored) {
    const std::vector<float> row = DecodeRow(stored, params.layout);
    const double logit = Dot(query, row.data(), params.key_dim) * params.scale;
    const double correction = logit > max ? std::exp(max - logit) : 1;
    max = std::max(max, logit);
    const double weight = std::exp(logit - max);
    sum = sum * correction + weight;
    for (size_t d = 0; d < out.size(); ++d) {
      const double value = row[static_cast<size_t>(params.value_begin) + d];
      out[d] = out[d] * correction + weight * value;
      *largest = std::max(*largest, std::fabs(value));
    }
  });
  for (double& value : out) value /= sum;
  return out;
}

}  // namespace

std::vector<float> DecodeRow(const std::byte* row, numerics::RowLayout layout) {
  std::vector<float> values;
  values.reserve(static_cast<size_t>(layout.head_dim));
  const auto* codes = reinterpret_cast<const uint8_t*>(row);
  const uint8_t* scales = codes + layout.code_count();
  for (int64_t i = 0; i < layout.code_count(); ++i)
    values.push_back(numerics::E4m3ToFloat(codes[i]) *
                     numerics::Ue8m0ToFloat(scales[i / numerics::kRowBlock]));
  for (int64_t i = 0; i < layout.rope_dim; ++i) {
    uint16_t bits;
    std::memcpy(&bits, row + layout.rope_offset() + 2 * i, sizeof bits);
    values.push_back(numerics::Bf16ToFloat(bits));
  }
  return values;
}

std::vector<float> DecodeIndexKey(const std::byte* tile, int64_t key,
                                  numerics::IndexKeyLayout layout) {
  std::vector<float> values;
  for (int64_t d = 0; d < layout.dim; ++d) {
    const int64_t dword = d / 8 * numerics::kIndexTile + key;
    const auto pair = static_cast<uint8_t>(tile[dword * 4 + d % 4]);
    const int64_t scale = layout.code_bytes() + d / numerics::kFp4Block * numerics::kIndexTile;
    values.push_back(numerics::E2m1ToFloat(d % 8 < 4 ? pair & 0xF : pair >> 4) *
                     numerics::Ue8m0ToFloat(static_cast<uint8_t>(tile[scale + key])));
  }
  return values;
}

base::Status CheckHead(const ops::AttentionParams& params, const ops::VisibleRows& visible,
                       int64_t head, const float* query, const float* out) {
  double largest = 0;
  const std::vector<double> want = Attend(params, visible, head, query, &largest);
  for (size_t d = 0; d < want.size(); ++d)
    if (!(std::fabs(want[d] - out[d]) <= kHeadTolerance * largest))
      return base::MakeError("attention is wrong: head {}, dimension {} is {} instead of {}", head,
                             d, out[d], want[d]);
  return {};
}

base::Status CheckSelection(int64_t keys, std::span<const int32_t> selected,
                            base::FunctionRef<double(int64_t)> score) {
  double worst_selected = std::numeric_limits<double>::infinity();
  double best_left = -worst_selected;
  const auto count = static_cast<int64_t>(selected.size());
  const int64_t selected_step = std::max<int64_t>(1, count / kSampledKeys);
  for (int64_t i = 0; i < count; i += selected_step)
    worst_selected = std::min(worst_selected, score(selected[static_cast<size_t>(i)]));
  const int64_t step = std::max<int64_t>(1, keys / kSampledKeys);
  for (int64_t key = 0; key < keys; key += step)
    if (!std::binary_search(selected.begin(), selected.end(), static_cast<int32_t>(key)))
      best_left = std::max(best_left, score(key));
  if (best_left <= worst_selected + kScoreTolerance * std::fabs(worst_selected)) return {};
  return base::MakeError("selection is wrong: a score of {} is selected, one of {} is not",
                         worst_selected, best_left);
}

}  // namespace fathom::measure
