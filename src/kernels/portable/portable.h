// The functions of the portable tier; contracts are in kernel_table.h. Other tiers use those that
// are too rarely called to be worth an own version.
#pragma once

#include "kernels/kernel_table.h"

namespace fathom::kernels::portable {

size_t MatmulScratchBytes(int64_t cols) noexcept;
void MatmulFloat(const MatmulArgs& args) noexcept;
void MatmulQuantized(const MatmulArgs& args) noexcept;
size_t ActivationBytes(int64_t cols) noexcept;
void QuantizeActivations(const float* x, int64_t cols, tensor::WeightFormat format,
                         std::byte* out) noexcept;

void RmsNorm(const float* x, const std::byte* weight, float eps, int64_t n, float* out) noexcept;
float InverseRms(const float* x, float eps, int64_t n) noexcept;
void WeightedSum(const float* streams, const float* weights, int64_t count, int64_t n,
                 float* out) noexcept;
void MixStreams(const float* y, const float* post, const float* combine, int64_t count, int64_t n,
                float* streams) noexcept;
void Swiglu(const float* gate, const float* up, float limit, float weight, int64_t n,
            float* out) noexcept;
void Add(const float* x, int64_t n, float* out) noexcept;
void Rotate(float* x, int64_t count, int64_t stride, const float* cosines, const float* sines,
            int64_t pairs) noexcept;
void Hadamard(float* x, int64_t n) noexcept;

void PackRow(const float* row, RowLayout layout, std::byte* out) noexcept;
void ExpandRows(const std::byte* const* rows, int64_t count, RowLayout layout,
                std::byte* out) noexcept;
void Pool(const float* const* values, const float* const* scores, int64_t slots, int64_t width,
          float* out) noexcept;

void QuantizeE2m1(const float* x, int64_t n, uint8_t* codes, uint8_t* scales) noexcept;
void IndexScores(const IndexScoreArgs& args) noexcept;

void SelectLargest(const float* scores, int64_t n, int64_t count, int32_t* out) noexcept;
void Attend(const AttendArgs& args) noexcept;
void MergeAttention(const SoftmaxState& other, int64_t heads, int64_t value_dim,
                    const SoftmaxState& state) noexcept;
void FinishAttention(const SoftmaxState& state, const float* sinks, int64_t heads,
                     int64_t value_dim) noexcept;

uint32_t ProbeRead(const std::byte* data, int64_t bytes) noexcept;
double ProbeBf16(int64_t steps) noexcept;
double ProbeInt8(int64_t steps) noexcept;

}  // namespace fathom::kernels::portable
