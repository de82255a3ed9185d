#include "model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace fathom::model {
namespace {

// The dimension whose wavelength makes `rotations` turns over the original positions.
double CorrectionDim(const RopePlan& plan, double rotations, double rope_dim) {
  return rope_dim * std::log(plan.original_positions / (rotations * 2 * std::numbers::pi)) /
         (2 * std::log(plan.theta));
}

}  // namespace

Rope::Rope(const RopePlan& plan, int64_t rope_dim) {
  const auto dim = static_cast<float>(rope_dim);
  for (int64_t i = 0; i < rope_dim; i += 2) {
    // The exponent, the power and its reciprocal are each rounded to float32: at position 2^20 an
    // angle that skips one of these roundings is off by up to 0.06 rad.
    const float exponent = static_cast<float>(i) / dim;
    const auto power = static_cast<float>(std::pow(plan.theta, static_cast<double>(exponent)));
    frequencies_.push_back(1.0f / power);
  }
  if (!plan.yarn) return;
  const auto low = static_cast<float>(std::max(
      std::floor(CorrectionDim(plan, plan.beta_fast, static_cast<double>(rope_dim))), 0.0));
  const auto high = static_cast<float>(
      std::min(std::ceil(CorrectionDim(plan, plan.beta_slow, static_cast<double>(rope_dim))),
               static_cast<double>(rope_dim - 1)));
  const float span = low == high ? 0.001f : high - low;
  for (size_t i = 0; i < frequencies_.size(); ++i) {
    const float ramp = std::clamp((static_cast<float>(i) - low) / span, 0.0f, 1.0f);
    const float interpolated = frequencies_[i] / static_cast<float>(plan.factor);
    frequencies_[i] = interpolated * ramp + frequencies_[i] * (1.0f - ramp);
  }
}

void Rope::Rotation(int64_t position, float* cosines, float* sines) const {
  for (size_t i = 0; i < frequencies_.size(); ++i) {
    const double angle = static_cast<float>(position) * frequencies_[i];
    cosines[i] = static_cast<float>(std::cos(angle));
    sines[i] = static_cast<float>(std::sin(angle));
  }
}

}  // namespace fathom::model
